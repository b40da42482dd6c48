#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/datapath/userspace/send_queue.h"
#include "tests/support/network_namespace.h"
#include "tests/support/udp_socket.h"

namespace relay::send_buffer_test {

using test_support::NetworkNamespace;
using test_support::UdpSocket;

// A neighbour that answers no question for its link address: what is sent to it waits at the
// interface, and counts against the buffer of the socket that sent it. It is asked for ever.
class FullSendBuffer : public testing::Test {
 protected:
  void SetUp() override {
    space_ = NetworkNamespace::Make();
    if (space_ == nullptr) GTEST_SKIP() << "needs the right to make network namespaces";
    if (!space_->Run("ip link add near type veth peer name far && "
                     "echo 100000 > /proc/sys/net/ipv4/neigh/near/mcast_solicit && "
                     "ip address add 10.9.9.1/24 dev near && ip link set near up && "
                     "ip link set far up"))
      GTEST_SKIP() << "needs the command ip, and veth";
    const NetworkNamespace::Visit visit(*space_);
    sender_.emplace("10.9.9.1");
    const int least = 1;
    ASSERT_EQ(::setsockopt(sender_->descriptor(), SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
  }

  void Add(std::string_view octets) {
    const base::Endpoint silent{*base::IpAddress::Parse("10.9.9.2"), 9};
    queue_.Add(sender_->descriptor(), ToSocketAddress(silent), base::AsBytes(octets));
  }
  void Fill() {
    const std::string octets(1000, 'f');
    while (full_.Read() == 0) {
      Add(octets);
      queue_.Flush();
      ASSERT_EQ(failed_.Read(), 0U);
    }
  }

  std::unique_ptr<NetworkNamespace> space_;
  std::optional<UdpSocket> sender_;
  Counter failed_, full_;
  SendQueue queue_{failed_, full_};
};

TEST_F(FullSendBuffer, ADatagramThatFindsNoRoomIsDroppedAndCounted) {
  Fill();
  EXPECT_EQ(full_.Read(), 1U);
  const std::string octets(100, 'x');
  Add(octets);
  queue_.Flush();
  EXPECT_EQ(full_.Read(), 2U);
  EXPECT_EQ(failed_.Read(), 0U);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(FullSendBuffer, EachDatagramOfARunIsCounted) {
  Fill();
  const std::string octets(100, 'x');
  for (int i = 0; i < 20; ++i) Add(octets);
  queue_.Flush();
  EXPECT_EQ(full_.Read(), 21U);
  EXPECT_EQ(failed_.Read(), 0U);
}

TEST_F(FullSendBuffer, WhatComesBehindARefusedMessageIsTriedAndCountedApart) {
  Fill();
  // Each is longer than the one before, so that none is a segment of another's message.
  const std::string octets(110, 'x');
  for (std::size_t size = 100; size < 110; ++size) Add(std::string_view(octets).substr(0, size));
  queue_.Flush();
  EXPECT_EQ(full_.Read(), 11U);
  EXPECT_EQ(failed_.Read(), 0U);
}

}  // namespace relay::send_buffer_test
