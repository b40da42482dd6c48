#include "server/datapath/userspace/ip_fields.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>

#include "server/datapath/userspace/packet_batch.h"
#include "server/datapath/userspace/send_queue.h"
#include "tests/support/udp_socket.h"

namespace relay::ip_fields_test {

using test_support::UdpSocket;

constexpr IpFields kExpedited{0xb8, 33};
constexpr IpFields kCongested{0x03, 1};

TEST(IpFields, IPH_07_X12_EachHopTakesOneAndTheLastEndsIt) {
  EXPECT_EQ(AfterOneHop({0xb8, 64}), (IpFields{0xb8, 63}));
  EXPECT_EQ(AfterOneHop({0, 2}), (IpFields{0, 1}));
  EXPECT_EQ(AfterOneHop({0, 1}), std::nullopt);
}

TEST(IpFields, IPH_07_X12_WhatIsNotKnownStaysTheSystems) {
  EXPECT_EQ(AfterOneHop({0x02, 0}), (IpFields{0x02, 0}));
}

TEST(IpFields, AnAlienControlMessageIsNotTaken) {
  IpFields fields;
  for (const int level : {int{IPPROTO_IP}, int{IPPROTO_IPV6}, SOL_SOCKET}) {
    cmsghdr control{CMSG_LEN(0), level, level == IPPROTO_IPV6 ? IPV6_PKTINFO : IP_PKTINFO};
    EXPECT_FALSE(ReadIpField(control, fields));
  }
  EXPECT_EQ(fields, IpFields());
}

TEST(IpFields, IPH_07_AZeroThatSomebodySentIsTheEndAsWell) {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> octets{};
  auto& control = *reinterpret_cast<cmsghdr*>(octets.data());
  control = {CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TTL};
  IpFields fields;
  EXPECT_TRUE(ReadIpField(control, fields));
  EXPECT_EQ(AfterOneHop(fields), std::nullopt);
}

TEST(IpFields, WhatTheSystemDoesAnywayNeedsNoControlMessage) {
  alignas(cmsghdr) std::array<std::uint8_t, kIpFieldsControlBytes> room;
  const UdpSocket socket;
  const SocketAddress destination = ToSocketAddress(socket.endpoint());
  EXPECT_EQ(WriteIpFields(room, {}, destination), 0u);
  EXPECT_EQ(WriteIpFields(room, {0, 9}, destination), CMSG_SPACE(sizeof(int)));
  EXPECT_EQ(WriteIpFields(room, {9, 9}, destination), kIpFieldsControlBytes);
}

// From one address to another by way of a queue and a batch.
IpFields Sent(const UdpSocket& from, const UdpSocket& to, const SocketAddress& destination,
              const IpFields& fields, const base::IpAddress* local = nullptr) {
  Counter failed, full;
  SendQueue queue(failed, full);
  PacketBatch batch;
  queue.Add(from.descriptor(), destination, base::AsBytes("x"), local, fields);
  queue.Flush();
  EXPECT_EQ(failed.Read(), 0u);
  EXPECT_EQ(batch.Receive(to.descriptor(), 0, 1), 1u);
  return batch[0].fields;
}

TEST(IpFields, IPH_01_IPH_02_IPH_07_TravelOverIpv4) {
  const UdpSocket from, to;
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET, HopLimits::kDecrement));
  const SocketAddress destination = ToSocketAddress(to.endpoint());
  EXPECT_EQ(Sent(from, to, destination, kExpedited), kExpedited);
  EXPECT_EQ(Sent(from, to, destination, kCongested), kCongested);
  EXPECT_EQ(Sent(from, to, destination, {0, 255}), (IpFields{0, 255}));
  EXPECT_EQ(Sent(from, to, destination, kExpedited, &from.endpoint().address), kExpedited);
}

TEST(IpFields, IPH_01_IPH_02_IPH_07_TravelOverIpv6) {
  const UdpSocket from("::1"), to("::1");
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET6, HopLimits::kDecrement));
  const SocketAddress destination = ToSocketAddress(to.endpoint());
  EXPECT_EQ(Sent(from, to, destination, kExpedited), kExpedited);
  EXPECT_EQ(Sent(from, to, destination, kCongested), kCongested);
  EXPECT_EQ(Sent(from, to, destination, kExpedited, &from.endpoint().address), kExpedited);
}

TEST(IpFields, IPH_07_X12_HopsAreNotToldWhereTheyAreNotWanted) {
  const UdpSocket from, to;
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET, HopLimits::kSystem));
  EXPECT_EQ(Sent(from, to, ToSocketAddress(to.endpoint()), kExpedited),
            (IpFields{kExpedited.traffic_class, 0}));
  const UdpSocket from_v6("::1"), to_v6("::1");
  ASSERT_TRUE(EnableIpFields(to_v6.descriptor(), AF_INET6, HopLimits::kSystem));
  EXPECT_EQ(Sent(from_v6, to_v6, ToSocketAddress(to_v6.endpoint()), kExpedited),
            (IpFields{kExpedited.traffic_class, 0}));
}

TEST(IpFields, IPH_01_IPH_02_IPH_07_TravelThroughADualStackSocketBothWays) {
  const UdpSocket dual("::"), v4;
  ASSERT_TRUE(EnableIpFields(dual.descriptor(), AF_INET6, HopLimits::kDecrement));
  ASSERT_TRUE(EnableIpFields(v4.descriptor(), AF_INET, HopLimits::kDecrement));
  const base::IpAddress loopback = *base::IpAddress::Parse("127.0.0.1");
  EXPECT_EQ(Sent(v4, dual, ToSocketAddress({loopback, dual.endpoint().port}), kExpedited),
            kExpedited);
  EXPECT_EQ(Sent(dual, v4, ToSocketAddress(v4.endpoint(), AF_INET6), kExpedited), kExpedited);
  EXPECT_EQ(Sent(dual, v4, ToSocketAddress(v4.endpoint(), AF_INET6), kCongested, &loopback),
            kCongested);
}

TEST(IpFields, IPH_07_TheHopLimitOfASocketIsThatOfItsDatagramsUnlessTheySayAnother) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    const UdpSocket from(address), to(address);
    const int family = from.endpoint().address.is_v4() ? AF_INET : AF_INET6;
    ASSERT_TRUE(EnableIpFields(to.descriptor(), family, HopLimits::kDecrement));
    const SocketAddress destination = ToSocketAddress(to.endpoint());
    const IpFields before = Sent(from, to, destination, {});
    ASSERT_TRUE(SetHopLimit(from.descriptor(), family, 17));
    EXPECT_EQ(Sent(from, to, destination, {}), (IpFields{0, 17}));
    EXPECT_EQ(Sent(from, to, destination, {0xb8, 0}), (IpFields{0xb8, 17}));
    EXPECT_EQ(Sent(from, to, destination, kExpedited), kExpedited);
    ASSERT_TRUE(SetHopLimit(from.descriptor(), family, 0));
    EXPECT_EQ(Sent(from, to, destination, {}), before);
  }
}

TEST(IpFields, OneDatagramLeavesNothingForTheNext) {
  const UdpSocket from, to;
  ASSERT_TRUE(EnableIpFields(to.descriptor(), AF_INET, HopLimits::kDecrement));
  const SocketAddress destination = ToSocketAddress(to.endpoint());
  const IpFields before = Sent(from, to, destination, {});
  EXPECT_EQ(before.traffic_class, 0);
  EXPECT_EQ(Sent(from, to, destination, kExpedited), kExpedited);
  EXPECT_EQ(Sent(from, to, destination, {}), before);
}

}  // namespace relay::ip_fields_test
