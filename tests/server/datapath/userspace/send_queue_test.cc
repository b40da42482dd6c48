#include "server/datapath/userspace/send_queue.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <cstring>
#include <vector>

#include "server/datapath/userspace/packet_batch.h"
#include "tests/support/udp_socket.h"

namespace relay::send_queue_test {

using test_support::UdpSocket;

// As many octets as it is long, different for each datagram.
std::string Filled(std::size_t size, int number) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>((i * 7 + static_cast<std::size_t>(number) * 31) & 0x7f);
  return text;
}

class SendQueueTest : public testing::Test {
 protected:
  // Queues where the texts lie.
  void Add(const UdpSocket& from, const UdpSocket& to, const std::vector<std::string>& texts,
           const IpFields& fields = {}, const base::IpAddress* local = nullptr) {
    for (const std::string& text : texts) {
      queue_.Add(from.descriptor(), ToSocketAddress(to.endpoint()), base::AsBytes(text), local,
                 fields);
    }
  }

  Counter failed_, full_;
  SendQueue queue_{failed_, full_};
};

// A socket that is shown what left as one message as one message.
class Undivided {
 public:
  explicit Undivided(const UdpSocket& socket) : socket_(socket.descriptor()) {
    const int on = 1;
    EXPECT_EQ(::setsockopt(socket_, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), 0);
    const timeval timeout{0, 50'000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  }

  struct Message {
    std::size_t octets;
    std::size_t segment;  // 0: a single datagram
    friend bool operator==(const Message&, const Message&) = default;
    friend void PrintTo(const Message& message, std::ostream* out) {
      *out << message.octets << '/' << message.segment;
    }
  };
  // Everything that has arrived.
  std::vector<Message> ReceiveAll() const {
    std::vector<Message> messages;
    std::vector<char> octets(65536);
    alignas(cmsghdr) std::array<char, 128> control;
    for (;;) {
      iovec vector{octets.data(), octets.size()};
      msghdr header{};
      header.msg_iov = &vector;
      header.msg_iovlen = 1;
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      const ssize_t count = ::recvmsg(socket_, &header, 0);
      if (count < 0) return messages;
      Message message{static_cast<std::size_t>(count), 0};
      for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO) continue;
        int segment;
        std::memcpy(&segment, CMSG_DATA(c), sizeof(segment));
        message.segment = static_cast<std::size_t>(segment);
      }
      messages.push_back(message);
    }
  }

 private:
  int socket_;
};

using Messages = std::vector<Undivided::Message>;

TEST_F(SendQueueTest, ARefusedDatagramIsCountedAndTheNextOneLeaves) {
  const UdpSocket sender, receiver;
  const std::vector<std::string> texts{std::string(65508, 'x'), "next"};
  Add(sender, receiver, texts);
  queue_.Flush();
  EXPECT_EQ(failed_.Read(), 1u);
  EXPECT_EQ(full_.Read(), 0u);
  EXPECT_EQ(receiver.Receive()->octets, "next");
}

TEST_F(SendQueueTest, WhatTheSystemWillNotTakeInSegmentsLeavesOneByOneAndInOrder) {
  const UdpSocket sender, receiver;
  // Segments need a checksum.
  const int on = 1;
  ASSERT_EQ(::setsockopt(sender.descriptor(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back(Filled(i == 9 ? 50 : 100, i));
  for (int round = 0; round < 3; ++round) {
    Add(sender, receiver, texts);
    queue_.Flush();
    for (const std::string& text : texts) EXPECT_EQ(receiver.Receive()->octets, text);
  }
  EXPECT_FALSE(receiver.Receive(std::chrono::milliseconds(20)).has_value());
  EXPECT_EQ(failed_.Read(), 0u);
}

TEST_F(SendQueueTest, WhatWasRefusedInSegmentsIsNotTriedAgainAndTheRestIs) {
  const UdpSocket sender, receiver, other;
  const Undivided undivided(receiver), undivided_other(other);
  int no_checksum = 1;
  ASSERT_EQ(
      ::setsockopt(sender.descriptor(), SOL_SOCKET, SO_NO_CHECK, &no_checksum, sizeof(no_checksum)),
      0);
  const std::vector<std::string> long_ones(3, Filled(100, 1)), short_ones(3, Filled(99, 2));
  Add(sender, receiver, long_ones);
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{100, 0}, {100, 0}, {100, 0}}));
  no_checksum = 0;
  ASSERT_EQ(
      ::setsockopt(sender.descriptor(), SOL_SOCKET, SO_NO_CHECK, &no_checksum, sizeof(no_checksum)),
      0);
  Add(sender, receiver, long_ones);
  Add(sender, receiver, short_ones);
  Add(sender, other, long_ones);
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{100, 0}, {100, 0}, {100, 0}, {297, 99}}));
  EXPECT_EQ(undivided_other.ReceiveAll(), (Messages{{300, 100}}));
}

TEST_F(SendQueueTest, ARunThatFailsForAnotherReasonIsCountedByItsDatagrams) {
  const UdpSocket sender, receiver;
  // The system lets nobody send to a broadcast address who did not ask for it.
  const SocketAddress broadcast =
      ToSocketAddress({*base::IpAddress::Parse("255.255.255.255"), receiver.endpoint().port});
  for (int i = 0; i < 5; ++i) queue_.Add(sender.descriptor(), broadcast, base::AsBytes("x"));
  queue_.Flush();
  EXPECT_EQ(failed_.Read(), 5u);
}

TEST_F(SendQueueTest, AnEmptyDatagramIsNoSegment) {
  const UdpSocket sender, receiver;
  const std::vector<std::string> texts{"aa", "", "bb", "cc", "", "", "dd"};
  Add(sender, receiver, texts);
  queue_.Flush();
  for (const std::string& text : texts) EXPECT_EQ(receiver.Receive()->octets, text);
  EXPECT_FALSE(receiver.Receive(std::chrono::milliseconds(20)).has_value());
}

TEST_F(SendQueueTest, NothingLeavesBeforeTheFlush) {
  const UdpSocket sender, receiver;
  queue_.AddCopy(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes("x"));
  EXPECT_FALSE(queue_.empty());
  EXPECT_FALSE(receiver.Receive(std::chrono::milliseconds(20)).has_value());
  queue_.Flush();
  EXPECT_TRUE(queue_.empty());
  EXPECT_TRUE(receiver.Receive().has_value());
}

TEST_F(SendQueueTest, ARunOfEqualSizeIsOneMessageAndItsLastMayBeShorter) {
  const UdpSocket sender, receiver;
  const Undivided undivided(receiver);
  const std::vector<std::string> texts{std::string(100, 'a'), std::string(100, 'b'),
                                       std::string(40, 'c')};
  Add(sender, receiver, texts);
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{240, 100}}));
}

TEST_F(SendQueueTest, ALongerOneAndOneAfterAShorterBeginTheNext) {
  const UdpSocket sender, receiver;
  const Undivided undivided(receiver);
  const std::vector<std::string> texts{std::string(40, 'a'),  std::string(100, 'b'),
                                       std::string(100, 'c'), std::string(30, 'd'),
                                       std::string(30, 'e'),  std::string(7, 'f')};
  Add(sender, receiver, texts);
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{40, 0}, {230, 100}, {37, 30}}));
}

TEST_F(SendQueueTest, ALongRunIsSeveralMessages) {
  const UdpSocket sender, receiver;
  const Undivided undivided(receiver);
  const std::vector<std::string> texts(150, std::string(10, 'x'));
  Add(sender, receiver, texts);
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{640, 10}, {640, 10}, {220, 10}}));
}

TEST_F(SendQueueTest, NoMessageIsLongerThanAPacketMayBe) {
  const UdpSocket sender, receiver;
  const Undivided undivided(receiver);
  const std::vector<std::string> texts(10, std::string(9000, 'x'));
  Add(sender, receiver, texts);
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{63000, 9000}, {27000, 9000}}));
}

TEST_F(SendQueueTest, WithOtherFieldsAnotherMessageBegins) {
  const UdpSocket sender, receiver;
  const Undivided undivided(receiver);
  const std::vector<std::string> texts(2, std::string(10, 'x'));
  Add(sender, receiver, texts, {0xb8, 30});
  Add(sender, receiver, texts, {0xb8, 29});
  Add(sender, receiver, texts, {0, 29});
  queue_.Flush();
  EXPECT_EQ(undivided.ReceiveAll(), (Messages{{20, 10}, {20, 10}, {20, 10}}));
}

// What each datagram of a run is at the other end: its octets, its source, its fields.
void ExpectRunArrives(const UdpSocket& from, const UdpSocket& to, const SocketAddress& destination,
                      const base::IpAddress* local, const base::Endpoint& source) {
  Counter failed, full;
  SendQueue queue(failed, full);
  constexpr IpFields kFirst{0xb8, 33}, kThen{0x02, 7};
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back(Filled(i == 19 ? 1 : 160, i));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    queue.Add(from.descriptor(), destination, base::AsBytes(texts[i]), local,
              i < 8 ? kFirst : kThen);
  }
  queue.Flush();
  EXPECT_EQ(failed.Read() + full.Read(), 0u);
  PacketBatch batch;
  ASSERT_EQ(batch.Receive(to.descriptor(), 0, PacketBatch::kPackets), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(base::AsText(batch[i].payload), texts[i]);
    EXPECT_EQ(ToEndpoint(batch[i].source.generic), source);
    EXPECT_EQ(batch[i].fields, i < 8 ? kFirst : kThen);
  }
}

TEST(SendQueueRun, STUN_26_IPH_01_IPH_07_ArrivesAsItWasOverIpv4) {
  const UdpSocket from("0.0.0.0"), to;
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET, HopLimits::kDecrement));
  const SocketAddress destination = ToSocketAddress(to.endpoint());
  const base::IpAddress usual = *base::IpAddress::Parse("127.0.0.1");
  const base::IpAddress named = *base::IpAddress::Parse("127.0.0.9");
  ExpectRunArrives(from, to, destination, nullptr, {usual, from.endpoint().port});
  ExpectRunArrives(from, to, destination, &named, {named, from.endpoint().port});
}

TEST(SendQueueRun, STUN_26_IPH_01_IPH_07_ArrivesAsItWasOverIpv6) {
  const UdpSocket from("::"), to("::1");
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET6, HopLimits::kDecrement));
  const base::IpAddress loopback = *base::IpAddress::Parse("::1");
  const SocketAddress destination = ToSocketAddress(to.endpoint());
  ExpectRunArrives(from, to, destination, nullptr, {loopback, from.endpoint().port});
  ExpectRunArrives(from, to, destination, &loopback, {loopback, from.endpoint().port});
}

TEST(SendQueueRun, STUN_26_IPH_01_IPH_07_ArrivesAsItWasFromADualStackSocket) {
  const UdpSocket from("::"), to;
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET, HopLimits::kDecrement));
  const base::IpAddress named = *base::IpAddress::Parse("127.0.0.9");
  ExpectRunArrives(from, to, ToSocketAddress(to.endpoint(), AF_INET6), &named,
                   {named, from.endpoint().port});
}

TEST_F(SendQueueTest, FlowsThatTakeTurnsKeepTheirOrderEach) {
  const UdpSocket one, two, first, second, third;
  const std::array<std::pair<const UdpSocket*, const UdpSocket*>, 4> flows{
      {{&one, &first}, {&two, &first}, {&one, &second}, {&two, &third}}};
  std::vector<std::string> texts;
  for (int i = 0; i < 30; ++i) texts.push_back(Filled(i % 7 == 0 ? 30 : 50, i));
  for (const std::string& text : texts) {
    for (const auto& [from, to] : flows) {
      queue_.Add(from->descriptor(), ToSocketAddress(to->endpoint()), base::AsBytes(text));
    }
  }
  queue_.Flush();
  std::array<std::size_t, 2> seen{};
  for (std::size_t i = 0; i < 2 * texts.size(); ++i) {
    const auto received = first.Receive();
    ASSERT_TRUE(received.has_value());
    EXPECT_EQ(received->octets, texts[seen[received->source == one.endpoint() ? 0 : 1]++]);
  }
  for (const std::string& text : texts) {
    EXPECT_EQ(second.Receive()->octets, text);
    EXPECT_EQ(third.Receive()->octets, text);
  }
}

TEST_F(SendQueueTest, TwoAddressesToSendFromAreTwoFlows) {
  const UdpSocket sender("0.0.0.0"), receiver;
  const base::IpAddress one = *base::IpAddress::Parse("127.0.0.8");
  const base::IpAddress other = *base::IpAddress::Parse("127.0.0.9");
  const std::vector<std::string> texts(2, "x");
  Add(sender, receiver, texts, {}, &one);
  Add(sender, receiver, texts, {}, &other);
  Add(sender, receiver, texts, {}, &one);
  queue_.Flush();
  int from_one = 0, from_other = 0;
  for (int i = 0; i < 6; ++i) {
    const base::IpAddress source = receiver.Receive()->source.address;
    from_one += source == one ? 1 : 0;
    from_other += source == other ? 1 : 0;
  }
  EXPECT_EQ(from_one, 4);
  EXPECT_EQ(from_other, 2);
}

TEST_F(SendQueueTest, AFullQueueFlushesItself) {
  const UdpSocket sender, receiver;
  const Undivided undivided(receiver);
  const std::string text(10, 'y');
  for (int i = 0; i < 600; ++i) {
    queue_.AddCopy(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes(text));
  }
  queue_.Flush();
  std::size_t octets = 0;
  for (const auto& message : undivided.ReceiveAll()) octets += message.octets;
  EXPECT_EQ(octets, 6000u);
  EXPECT_EQ(failed_.Read(), 0u);
}

TEST_F(SendQueueTest, STUN_26_LeavesFromTheAddressThatIsNamed) {
  const UdpSocket sender("0.0.0.0"), receiver;
  const base::IpAddress local = *base::IpAddress::Parse("127.0.0.9");
  queue_.Add(sender.descriptor(), ToSocketAddress(receiver.endpoint()), base::AsBytes("x"), &local);
  queue_.Flush();
  EXPECT_EQ(receiver.Receive()->source, (base::Endpoint{local, sender.endpoint().port}));
}

}  // namespace relay::send_queue_test
