#include "server/datapath/userspace/flood_filter.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/datapath/userspace/receive_drops.h"
#include "tests/support/udp_socket.h"

namespace relay::flood_filter_test {

using namespace std::string_view_literals;
using test_support::UdpSocket;

constexpr std::string_view kChannelData = "\x40\x01\x00\x01x"sv;
constexpr std::string_view kBinding = "\x00\x01\x00\x00\x21\x12\xa4\x42"sv;
constexpr std::uint32_t kAll = FloodSource::kAll;

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  return *info.param == ':' ? "Ipv6" : "Ipv4";
}

// What a socket takes of what is sent over loopback is there at once.
class FloodFilterTest : public testing::TestWithParam<const char*> {
 protected:
  bool Takes(const UdpSocket& from, std::string_view octets) const {
    from.SendTo(listener_.endpoint(), octets);
    std::vector<char> buffer(100);
    const ssize_t count =
        ::recv(listener_.descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return count == static_cast<ssize_t>(octets.size());
  }
  FloodClient Of(const base::Endpoint& source) const {
    return {source, listener_.endpoint().address};
  }
  void Filter(std::vector<FloodSource> sources) const {
    ASSERT_TRUE(SetFloodFilter(listener_.descriptor(), sources));
  }

  UdpSocket listener_{GetParam()}, client_{GetParam()}, other_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(, FloodFilterTest, testing::Values("127.0.0.1", "::1"), NameOf);

TEST_P(FloodFilterTest, NothingOfTheFloodIsTakenAndAllOfItIsCounted) {
  Filter({{.client = Of(client_.endpoint()), .keep = 0}});
  const std::uint32_t before = *ReceiveDrops::Ask(listener_.descriptor());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(Takes(client_, kChannelData));
  EXPECT_EQ(*ReceiveDrops::Ask(listener_.descriptor()) - before, 100U);
}

TEST_P(FloodFilterTest, WhatElseTheClientSendsIsTaken) {
  Filter({{.client = Of(client_.endpoint()), .keep = 0}});
  EXPECT_TRUE(Takes(client_, kBinding));
  EXPECT_TRUE(Takes(client_, "\x16 a record of DTLS"));
  EXPECT_TRUE(Takes(client_, "\xff"));
  EXPECT_TRUE(Takes(client_, ""));
}

TEST_P(FloodFilterTest, WhatOthersSendIsTaken) {
  Filter({{.client = Of(client_.endpoint()), .keep = 0}});
  EXPECT_TRUE(Takes(other_, kChannelData));
}

TEST_P(FloodFilterTest, OneOfTheSamePortAtAnotherAddressIsSomebodyElse) {
  base::Endpoint elsewhere = client_.endpoint();
  elsewhere.address = *base::IpAddress::Parse(*GetParam() == ':' ? "::2" : "127.0.0.2");
  Filter({{.client = Of(elsewhere), .keep = 0}});
  EXPECT_TRUE(Takes(client_, kChannelData));
  elsewhere.address = *base::IpAddress::Parse(*GetParam() == ':' ? "127.0.0.1" : "::1");
  Filter({{.client = Of(elsewhere), .keep = 0}});
  EXPECT_TRUE(Takes(client_, kChannelData));
}

TEST_P(FloodFilterTest, WhatHeSendsToAnotherAddressIsSomethingElse) {
  FloodClient to_another = Of(client_.endpoint());
  to_another.server = *base::IpAddress::Parse(*GetParam() == ':' ? "::2" : "127.0.0.2");
  Filter({{.client = to_another, .keep = 0}});
  EXPECT_TRUE(Takes(client_, kChannelData));
}

TEST_P(FloodFilterTest, EachOfManyHasItsShare) {
  std::vector<FloodSource> sources;
  for (std::uint16_t port = 1; port <= 14; ++port)
    sources.push_back({.client = Of({client_.endpoint().address, port}), .keep = kAll});
  sources.push_back({.client = Of(client_.endpoint()), .keep = 0});
  sources.push_back({.client = Of(other_.endpoint()), .keep = kAll});
  Filter(sources);
  EXPECT_FALSE(Takes(client_, kChannelData));
  EXPECT_TRUE(Takes(other_, kChannelData));
}

TEST_P(FloodFilterTest, AQuarterIsKept) {
  Filter({{.client = Of(client_.endpoint()), .keep = kAll / 4}});
  int taken = 0;
  for (int i = 0; i < 4000; ++i) taken += Takes(client_, kChannelData) ? 1 : 0;
  // Eleven standard deviations.
  EXPECT_GT(taken, 700);
  EXPECT_LT(taken, 1300);
}

TEST_P(FloodFilterTest, WithoutAClientItIsAboutWhateverArrives) {
  Filter({{.client = std::nullopt, .keep = 0}});
  EXPECT_FALSE(Takes(client_, kBinding));
  EXPECT_FALSE(Takes(other_, ""));
}

TEST_P(FloodFilterTest, AnotherFilterReplacesIt) {
  Filter({{.client = Of(client_.endpoint()), .keep = 0}});
  Filter({{.client = Of(other_.endpoint()), .keep = 0}});
  EXPECT_TRUE(Takes(client_, kChannelData));
  EXPECT_FALSE(Takes(other_, kChannelData));
}

TEST_P(FloodFilterTest, WithoutAFilterEverythingIsTakenAgain) {
  Filter({{.client = Of(client_.endpoint()), .keep = 0}});
  Filter({});
  EXPECT_TRUE(Takes(client_, kChannelData));
  Filter({});
  EXPECT_TRUE(Takes(client_, kChannelData));
}

TEST(FloodFilterOfBothFamilies, KnowsAnIpv4ClientByItsAddress) {
  const int listener = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  const std::uint16_t port = LocalEndpoint(listener).port;
  const UdpSocket v4("127.0.0.1"), v6("::1");
  const std::vector<FloodSource> sources{
      {.client = FloodClient{v4.endpoint(), v4.endpoint().address}, .keep = 0}};
  ASSERT_TRUE(SetFloodFilter(listener, sources));
  char octet = 0;
  v4.SendTo({v4.endpoint().address, port}, kChannelData);
  EXPECT_LT(::recv(listener, &octet, 1, MSG_DONTWAIT), 0);
  v6.SendTo({v6.endpoint().address, port}, kChannelData);
  EXPECT_EQ(::recv(listener, &octet, 1, MSG_DONTWAIT), 1);
  ::close(listener);
}

TEST(FloodFilterOfNoSocket, SaysSo) {
  const std::vector<FloodSource> sources{{.client = std::nullopt, .keep = 0}};
  EXPECT_FALSE(SetFloodFilter(-1, sources));
}

}  // namespace relay::flood_filter_test
