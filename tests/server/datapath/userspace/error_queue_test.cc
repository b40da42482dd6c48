#include "server/datapath/userspace/error_queue.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <optional>
#include <thread>

#include "server/datapath/userspace/send_queue.h"
#include "tests/support/udp_socket.h"

namespace relay::error_queue_test {

using test_support::UdpSocket;

// An endpoint that nobody listens at.
base::Endpoint Nobody() { return UdpSocket().endpoint(); }

void SendTo(const UdpSocket& from, const base::Endpoint& to) {
  const SocketAddress address = ToSocketAddress(to);
  ::sendto(from.descriptor(), "x", 1, 0, &address.generic, address.length);
}

std::optional<DeliveryError> WaitForError(const UdpSocket& socket) {
  std::array<DeliveryError, 1> errors;
  for (int i = 0; i < 200; ++i) {
    if (ReadErrorQueue(socket.descriptor(), errors) == 1) return errors[0];
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

TEST(ErrorQueue, ASocketWithoutOneHasNothing) {
  const UdpSocket socket;
  SendTo(socket, Nobody());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::array<DeliveryError, 4> errors;
  EXPECT_EQ(ReadErrorQueue(socket.descriptor(), errors), 0u);
}

TEST(ErrorQueue, AnUnreachablePortIsNamedWithTypeAndCode) {
  const UdpSocket socket;
  ASSERT_TRUE(EnableErrorQueue(socket.descriptor(), AF_INET));
  const base::Endpoint nobody = Nobody();
  SendTo(socket, nobody);
  const auto error = WaitForError(socket);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->destination, nobody);
  EXPECT_EQ(error->icmp, (stun::IcmpValue{3, 3, 0}));
}

TEST(ErrorQueue, MoreThanFitWaitForTheNextCall) {
  const UdpSocket socket;
  ASSERT_TRUE(EnableErrorQueue(socket.descriptor(), AF_INET));
  for (int i = 0; i < 3; ++i) {
    SendTo(socket, Nobody());
    SendTo(socket, Nobody());  // one of the two is failed by the error before it
  }
  std::size_t found = 0;
  while (WaitForError(socket)) ++found;
  EXPECT_GE(found, 3u);
}

TEST(ErrorQueue, AnErrorOfOnePeerCostsNoDatagramToAnother) {
  Counter failed, full;
  SendQueue queue(failed, full);
  const UdpSocket socket, receiver;
  ASSERT_TRUE(EnableErrorQueue(socket.descriptor(), AF_INET));
  for (int i = 0; i < 20; ++i) {
    SendTo(socket, Nobody());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    queue.Add(socket.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes("x"));
    queue.Flush();
    EXPECT_TRUE(receiver.Receive().has_value());
  }
  EXPECT_EQ(failed.Read(), 0u);
}

}  // namespace relay::error_queue_test
