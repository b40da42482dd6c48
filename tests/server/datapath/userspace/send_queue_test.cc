#include "server/datapath/userspace/send_queue.h"

#include <gtest/gtest.h>

#include "tests/support/udp_socket.h"

namespace relay {
namespace {

using test_support::UdpSocket;

TEST(SendQueue, ARefusedDatagramIsCountedAndTheNextOneLeaves) {
  Counter failed;
  SendQueue queue(failed);
  const UdpSocket sender, receiver;
  const std::string too_large(65508, 'x');
  queue.Add(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes(too_large));
  queue.Add(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes("next"));
  queue.Flush();
  EXPECT_EQ(failed.Read(), 1u);
  EXPECT_EQ(receiver.Receive()->octets, "next");
}

TEST(SendQueue, NothingLeavesBeforeTheFlush) {
  Counter failed;
  SendQueue queue(failed);
  const UdpSocket sender, receiver;
  queue.Add(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes("x"));
  EXPECT_FALSE(queue.empty());
  EXPECT_FALSE(receiver.Receive(std::chrono::milliseconds(20)).has_value());
  queue.Flush();
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(receiver.Receive().has_value());
}

TEST(SendQueue, EachSocketKeepsTheOrderOfItsDatagrams) {
  Counter failed;
  SendQueue queue(failed);
  const UdpSocket one, two, receiver_one, receiver_two;
  for (int i = 0; i < 30; ++i) {
    const std::string text = std::to_string(i);
    queue.AddCopy(one.descriptor(), ToSocketAddress(receiver_one.endpoint()), base::AsBytes(text));
    queue.AddCopy(two.descriptor(), ToSocketAddress(receiver_two.endpoint()), base::AsBytes(text));
  }
  queue.Flush();
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(receiver_one.Receive()->octets, std::to_string(i));
    EXPECT_EQ(receiver_two.Receive()->octets, std::to_string(i));
  }
}

TEST(SendQueue, AFullQueueFlushesItself) {
  Counter failed;
  SendQueue queue(failed);
  const UdpSocket sender, receiver;
  const std::string text(10, 'y');
  for (int i = 0; i < 200; ++i) {
    queue.AddCopy(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes(text));
  }
  queue.Flush();
  int received = 0;
  while (receiver.Receive(std::chrono::milliseconds(50))) ++received;
  EXPECT_EQ(received + static_cast<int>(failed.Read()), 200);
}

TEST(SendQueue, STUN_26_LeavesFromTheAddressThatIsNamed) {
  Counter failed;
  SendQueue queue(failed);
  const UdpSocket sender("0.0.0.0"), receiver;
  const base::IpAddress local = *base::IpAddress::Parse("127.0.0.9");
  queue.Add(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes("x"), &local);
  queue.Flush();
  EXPECT_EQ(receiver.Receive()->source, (base::Endpoint{local, sender.endpoint().port}));
}

}  // namespace
}  // namespace relay
