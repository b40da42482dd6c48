#include "protocol/base/five_tuple.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <unordered_set>

namespace base::five_tuple_test {

FiveTuple Example() {
  return {{IpAddress::FromV4({192, 0, 2, 1}), 1000},
          {IpAddress::FromV4({198, 51, 100, 1}), 3478},
          Transport::kUdp};
}

TEST(FiveTuple, DiffersWhenAnyPartDiffers) {
  FiveTuple other_client_port = Example();
  other_client_port.client.port = 1001;
  FiveTuple other_server_port = Example();
  other_server_port.server.port = 3479;
  FiveTuple other_client = Example();
  other_client.client.address = IpAddress::FromV4({192, 0, 2, 2});
  FiveTuple other_server = Example();
  other_server.server.address = IpAddress::FromV4({198, 51, 100, 2});
  FiveTuple other_transport = Example();
  other_transport.transport = Transport::kDtls;
  for (const FiveTuple& other :
       {other_client_port, other_server_port, other_client, other_server, other_transport}) {
    EXPECT_NE(other, Example());
    EXPECT_NE(FiveTupleHash()(other), FiveTupleHash()(Example()));
  }
}

TEST(FiveTuple, ClientAndServerAreNotInterchangeable) {
  const FiveTuple swapped = {Example().server, Example().client, Transport::kUdp};
  EXPECT_NE(swapped, Example());
  EXPECT_NE(FiveTupleHash()(swapped), FiveTupleHash()(Example()));
}

TEST(FiveTuple, EqualOnesHashAlike) {
  EXPECT_EQ(FiveTupleHash()(Example()), FiveTupleHash()(Example()));
}

TEST(FiveTuple, HashesOfNeighbouringClientsAreSpreadOverBuckets) {
  constexpr std::size_t kBuckets = 1024;
  std::set<std::size_t> low;
  std::set<std::size_t> high;
  for (std::uint16_t i = 0; i < kBuckets; ++i) {
    FiveTuple five_tuple = Example();
    five_tuple.client.port = static_cast<std::uint16_t>(1024 + i);
    const std::size_t hash = FiveTupleHash()(five_tuple);
    low.insert(hash % kBuckets);
    high.insert(hash >> 54);
  }
  // Thrown at random, 1024 balls meet about 647 of 1024 buckets.
  EXPECT_GT(low.size(), 550u);
  EXPECT_GT(high.size(), 550u);
}

TEST(FiveTuple, ADatagramTransportIsNoStream) {
  EXPECT_FALSE(IsStream(Transport::kUdp));
  EXPECT_FALSE(IsStream(Transport::kDtls));
}

TEST(FiveTuple, TcpTlsAndWebSocketAreStreams) {
  EXPECT_TRUE(IsStream(Transport::kTcp));
  EXPECT_TRUE(IsStream(Transport::kTls));
  EXPECT_TRUE(IsStream(Transport::kWss));
}

TEST(FiveTuple, EachTransportHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < kTransportCount; ++i) names.insert(TransportName(static_cast<Transport>(i)));
  EXPECT_EQ(names, (std::set<std::string_view>{"udp", "tcp", "tls", "dtls", "wss"}));
}

}  // namespace base::five_tuple_test
