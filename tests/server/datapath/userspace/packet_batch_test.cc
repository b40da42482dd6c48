#include "server/datapath/userspace/packet_batch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/udp_socket.h"

namespace relay::packet_batch_test {

using test_support::UdpSocket;

TEST(PacketBatch, AnEmptySocketGivesNothing) {
  PacketBatch batch;
  const UdpSocket socket;
  EXPECT_EQ(batch.Receive(socket.descriptor(), 0, PacketBatch::kPackets), 0u);
}

TEST(PacketBatch, ReadsSeveralDatagramsWithTheirSources) {
  PacketBatch batch;
  const UdpSocket socket, first, second;
  first.SendTo(socket.endpoint(), "one");
  second.SendTo(socket.endpoint(), "");
  ASSERT_EQ(batch.Receive(socket.descriptor(), 0, PacketBatch::kPackets), 2u);
  EXPECT_EQ(base::AsText(batch[0].payload), "one");
  EXPECT_EQ(ToEndpoint(batch[0].source.generic), first.endpoint());
  EXPECT_TRUE(batch[1].payload.empty());
  EXPECT_EQ(ToEndpoint(batch[1].source.generic), second.endpoint());
}

TEST(PacketBatch, FillsFromTheGivenPlaceAndNeverBeyondTheLimit) {
  PacketBatch batch;
  const UdpSocket socket, sender;
  for (const char* text : {"a", "b", "c"}) sender.SendTo(socket.endpoint(), text);
  constexpr std::size_t kLast = PacketBatch::kPackets - 1;
  ASSERT_EQ(batch.Receive(socket.descriptor(), kLast - 1, 1), 1u);
  ASSERT_EQ(batch.Receive(socket.descriptor(), kLast, PacketBatch::kPackets), 1u);
  EXPECT_EQ(base::AsText(batch[kLast - 1].payload), "a");
  EXPECT_EQ(base::AsText(batch[kLast].payload), "b");
}

TEST(PacketBatch, DATA_10_TheLargestDatagramIsNotTruncated) {
  PacketBatch batch;
  const UdpSocket socket, sender;
  sender.SendTo(socket.endpoint(), std::string(65507, 'x'));
  ASSERT_EQ(batch.Receive(socket.descriptor(), 0, 1), 1u);
  EXPECT_EQ(batch[0].payload.size(), 65507u);
  EXPECT_FALSE(batch[0].is_truncated);
}

TEST(PacketBatch, WithoutTheOptionsNoFieldsAreKnown) {
  PacketBatch batch;
  const UdpSocket socket, sender;
  sender.SendTo(socket.endpoint(), "x");
  ASSERT_EQ(batch.Receive(socket.descriptor(), 0, 1), 1u);
  EXPECT_EQ(batch[0].fields, IpFields());
}

TEST(PacketBatch, STUN_26_TellsTheAddressThatWasAsked) {
  PacketBatch batch;
  const UdpSocket socket("0.0.0.0"), sender;
  const int on = 1;
  ASSERT_EQ(::setsockopt(socket.descriptor(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
  for (const char* address : {"127.0.0.1", "127.0.0.9"}) {
    sender.SendTo({*base::IpAddress::Parse(address), socket.endpoint().port}, "x");
    ASSERT_EQ(batch.Receive(socket.descriptor(), 0, 64), 1u);
    EXPECT_EQ(batch[0].local.ToString(), address);
    EXPECT_FALSE(batch[0].is_to_group);
  }
}

}  // namespace relay::packet_batch_test
