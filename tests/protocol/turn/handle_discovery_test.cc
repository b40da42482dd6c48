#include <gtest/gtest.h>

#include <cstring>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::handle_discovery_test {

constexpr std::uint32_t kChangeAddress = 4;
constexpr std::uint32_t kChangePort = 2;

// In the order of DiscoverySockets.
const std::array<base::Endpoint, 4> kSockets = {At("192.0.2.1:3478"), At("192.0.2.1:3479"),
                                                At("192.0.2.2:3478"), At("192.0.2.2:3479")};
const std::array<base::Endpoint, 4> kSocketsV6 = {
    At("[2001:db8::1]:3478"), At("[2001:db8::1]:3479"), At("[2001:db8::2]:3478"),
    At("[2001:db8::2]:3479")};
constexpr std::array<std::uint32_t, 4> kHandles = {7, 20, 31, 42};

// Which socket answers a request at `position` (RFC 5780 table 1).
std::size_t Expected(std::size_t position, std::uint32_t flags) {
  const std::size_t address = position / 2 != (flags & kChangeAddress ? 1u : 0u) ? 1 : 0;
  const std::size_t port = position % 2 != (flags & kChangePort ? 1u : 0u) ? 1 : 0;
  return 2 * address + port;
}

std::uint32_t OppositeOf(std::size_t position) { return static_cast<std::uint32_t>(3 - position); }

class HandleDiscovery : public testing::Test {
 protected:
  HandleDiscovery() { Use(kSockets); }

  void Use(const std::array<base::Endpoint, 4>& sockets) { Use(sockets, sockets); }
  void Use(const std::array<base::Endpoint, 4>& bound,
           const std::array<base::Endpoint, 4>& announced) {
    std::array<DiscoverySocket, 4> sockets;
    for (std::size_t i = 0; i < 4; ++i) sockets[i] = {bound[i], announced[i], {kHandles[i]}};
    bound_ = bound;
    server_.engine.SetDiscovery(DiscoverySockets(sockets));
  }
  void Allow(bool padding, bool response_port) {
    server_.Reload([&](Policy& policy) {
      policy.discovery_padding = padding;
      policy.discovery_response_port = response_port;
    });
  }

  Client ClientOf(std::size_t position, const base::Endpoint& address = kClient) const {
    return {{address, bound_[position], base::Transport::kUdp}, {kHandles[position]}};
  }
  // Empty: silence. Where the answer goes is in `recipient_` then.
  Reply SendAs(const Client& client, base::Bytes octets) {
    const auto& sent = server_.effects.to_client;
    const std::size_t before = sent.size();
    outcome_ = server_.engine.OnMessage(client, octets, server_.now);
    if (sent.size() == before) return {};
    recipient_ = sent.back().client;
    return {sent.back().octets};
  }
  Reply Send(const TurnMessage& message, std::size_t position = 0,
             const base::Endpoint& address = kClient) {
    return SendAs(ClientOf(position, address), message.octets());
  }

  // The addresses that are not XORed.
  static std::optional<base::Endpoint> Plain(const Reply& reply, AttributeType type) {
    const auto attribute = reply.view().Find(type);
    if (!attribute) return std::nullopt;
    return stun::DecodeAddress(attribute->value)->endpoint;
  }

  // A Binding request of RFC 3489, and its response with the cookie put in, so that it parses.
  static std::vector<std::uint8_t> Classic(std::vector<std::uint8_t> body = {}) {
    std::vector<std::uint8_t> octets = {0, 1, 0, static_cast<std::uint8_t>(body.size())};
    octets.resize(20, 0xa5);
    octets.insert(octets.end(), body.begin(), body.end());
    return octets;
  }
  static Reply Readable(Reply reply) {
    const std::array<std::uint8_t, 4> cookie = {0x21, 0x12, 0xa4, 0x42};
    if (!reply.is_silence()) std::memcpy(&reply.octets[4], cookie.data(), cookie.size());
    return reply;
  }

  TestServer server_;
  std::array<base::Endpoint, 4> bound_;
  Client recipient_;
  Engine::Outcome outcome_ = Engine::Outcome::kValid;
};

TurnMessage Binding() { return TurnMessage(Method::kBinding); }
TurnMessage Change(std::uint32_t flags) {
  return TurnMessage(Method::kBinding).U32(AttributeType::kChangeRequest, flags);
}

TEST_F(HandleDiscovery, AChangeRequestThatIsNotFourOctetsIs400FromWhereItArrived) {
  for (const std::size_t count : {0U, 2U, 8U}) {
    const Reply reply = Send(Binding().Zeros(AttributeType::kChangeRequest, count), 1);
    EXPECT_EQ(reply.error(), 400) << count;
    EXPECT_EQ(recipient_.handle, ClientHandle{kHandles[1]});
  }
}

TEST_F(HandleDiscovery, STUN_14_AnUnknownAttributeBesideChangeRequestIs420FromWhereItArrived) {
  const Reply reply = Send(Change(6).U32(static_cast<AttributeType>(0x7f00), 0));
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown(), std::vector{static_cast<AttributeType>(0x7f00)});
  EXPECT_EQ(recipient_.handle, ClientHandle{kHandles[0]});
}

TEST_F(HandleDiscovery, NBD_13_OverAConnectionChangeRequestIs420AndThereIsNoOtherAddress) {
  for (const auto transport : {base::Transport::kTcp, base::Transport::kTls, base::Transport::kDtls,
                               base::Transport::kWss}) {
    Client client = ClientOf(0);
    client.five_tuple.transport = transport;  // handles of connections have numbers of their own
    const Reply refusal = SendAs(client, Change(6).octets());
    EXPECT_EQ(refusal.error(), 420);
    EXPECT_EQ(refusal.unknown(), std::vector{AttributeType::kChangeRequest});
    const Reply plain = SendAs(client, Binding().octets());
    EXPECT_TRUE(plain.is_success());
    EXPECT_FALSE(plain.Has(AttributeType::kOtherAddress));
    EXPECT_FALSE(plain.Has(AttributeType::kResponseOrigin));
  }
}

TEST_F(HandleDiscovery, NBD_02_AtAnotherListenerChangeRequestIs420) {
  Client client = ClientOf(0);
  client.handle = {99};
  EXPECT_EQ(SendAs(client, Change(2).octets()).error(), 420);
  EXPECT_FALSE(SendAs(client, Binding().octets()).Has(AttributeType::kOtherAddress));
}

TEST_F(HandleDiscovery, NBD_09_PaddingAndResponsePortAre420UnlessTheyAreSwitchedOn) {
  for (const AttributeType type : {AttributeType::kPadding, AttributeType::kResponsePort}) {
    const Reply reply = Send(Binding().U32(type, 0x1f900000));
    EXPECT_EQ(reply.error(), 420);
    EXPECT_EQ(reply.unknown(), std::vector{type});
  }
  EXPECT_EQ(recipient_.five_tuple.client, kClient);
}

TEST_F(HandleDiscovery, NBD_10_ResponsePortAndPaddingTogetherAre400ToTheSource) {
  Allow(true, true);
  const Reply reply = Send(
      Binding().U32(AttributeType::kResponsePort, 0x1f900000).Zeros(AttributeType::kPadding, 1000));
  EXPECT_EQ(reply.error(), 400);
  EXPECT_EQ(recipient_.five_tuple.client, kClient);
}

TEST_F(HandleDiscovery, NBD_10_TheOneThatIsOffIs420AlsoBesideTheOther) {
  Allow(true, false);
  const Reply reply = Send(
      Binding().U32(AttributeType::kResponsePort, 0x1f900000).Zeros(AttributeType::kPadding, 1000));
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown(), std::vector{AttributeType::kResponsePort});
}

TEST_F(HandleDiscovery, B88_ABrokenResponsePortIs400ToTheSource) {
  Allow(false, true);
  EXPECT_EQ(Send(Binding().U32(AttributeType::kResponsePort, 0)).error(), 400);
  EXPECT_EQ(Send(Binding().Zeros(AttributeType::kResponsePort, 0)).error(), 400);
  EXPECT_EQ(Send(Binding().Zeros(AttributeType::kResponsePort, 8)).error(), 400);
  EXPECT_EQ(recipient_.five_tuple.client, kClient);
}

TEST_F(HandleDiscovery, NothingButBindingIsServedAtTheFurtherSockets) {
  for (std::size_t position = 1; position < 4; ++position) {
    EXPECT_TRUE(Send(TurnMessage(Method::kAllocate).Udp(), position).is_silence());
    EXPECT_EQ(outcome_, Engine::Outcome::kInvalid);
    EXPECT_TRUE(Send(TurnMessage(Method::kRefresh), position).is_silence());
  }
  EXPECT_EQ(server_.effects.CountDrops(DropReason::kUnknownMethod), 6u);
  EXPECT_EQ(Send(TurnMessage(Method::kAllocate).Udp(), 0).error(), 401);
}

TEST_F(HandleDiscovery, D1_TheChallengeLimitHoldsForAllFourSocketsTogether) {
  server_.Reload([](Policy& policy) { policy.challenge_rate = 1, policy.challenge_burst = 2; });
  EXPECT_FALSE(Send(Binding(), 0).is_silence());
  EXPECT_FALSE(Send(Change(6), 1).is_silence());
  EXPECT_TRUE(Send(Change(6), 2).is_silence());
  EXPECT_TRUE(Send(Binding(), 3).is_silence());
}

TEST_F(HandleDiscovery, NBD_03_TheMappedAddressComesInBothForms) {
  const Reply reply = Send(Binding());
  EXPECT_EQ(reply.Endpoints(AttributeType::kXorMappedAddress), std::vector{kClient});
  EXPECT_EQ(Plain(reply, AttributeType::kMappedAddress), kClient);
}

TEST_F(HandleDiscovery, NBD_01_NBD_04_NBD_06_NBD_07_NBD_08_EachSocketAnswersFromWhereItIsAsked) {
  for (std::size_t position = 0; position < 4; ++position) {
    for (const std::uint32_t flags : {0u, kChangePort, kChangeAddress, 6u}) {
      const Reply reply = Send(Change(flags), position);
      ASSERT_TRUE(reply.is_success());
      const std::size_t expected = Expected(position, flags);
      EXPECT_EQ(recipient_.handle, ClientHandle{kHandles[expected]}) << position << ' ' << flags;
      EXPECT_EQ(recipient_.five_tuple.server, kSockets[expected]);
      EXPECT_EQ(recipient_.five_tuple.client, kClient);
      EXPECT_EQ(Plain(reply, AttributeType::kResponseOrigin), kSockets[expected]);
    }
  }
}

TEST_F(HandleDiscovery, NBD_05_OtherAddressIsTheOppositeOfWhereTheRequestArrived) {
  for (std::size_t position = 0; position < 4; ++position) {
    for (const std::uint32_t flags : {0u, 2u, 4u, 6u}) {
      EXPECT_EQ(Plain(Send(Change(flags), position), AttributeType::kOtherAddress),
                kSockets[OppositeOf(position)]);
    }
    EXPECT_EQ(Plain(Send(Binding(), position), AttributeType::kOtherAddress),
              kSockets[OppositeOf(position)]);
  }
}

TEST_F(HandleDiscovery, NBD_08_ReservedBitsOfChangeRequestAreIgnored) {
  Send(Change(0xfffffff9));
  EXPECT_EQ(recipient_.handle, ClientHandle{kHandles[0]});
}

TEST_F(HandleDiscovery, NBD_12_ThereIsNeverAnAlternateServer) {
  for (const std::uint32_t flags : {0u, 2u, 4u, 6u})
    EXPECT_FALSE(Send(Change(flags)).Has(AttributeType::kAlternateServer));
}

TEST_F(HandleDiscovery, BehindOneToOneNatTheWorldsAddressesAreNamed) {
  const std::array<base::Endpoint, 4> world = {At("198.51.100.1:3478"), At("198.51.100.1:3479"),
                                               At("198.51.100.2:3478"), At("198.51.100.2:3479")};
  Use(kSockets, world);
  const Reply reply = Send(Change(kChangeAddress));
  EXPECT_EQ(Plain(reply, AttributeType::kResponseOrigin), world[2]);
  EXPECT_EQ(Plain(reply, AttributeType::kOtherAddress), world[3]);
  EXPECT_EQ(recipient_.five_tuple.server, kSockets[2]);
}

TEST_F(HandleDiscovery, NBD_09_ResponsePortSendsTheAnswerToThatPortOfTheSource) {
  Allow(false, true);
  const Reply reply = Send(Binding()
                               .U32(AttributeType::kResponsePort, 0x1f90ffff)
                               .U32(AttributeType::kChangeRequest, kChangePort));
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(recipient_.five_tuple.client, (base::Endpoint{kClient.address, 8080}));
  EXPECT_EQ(recipient_.handle, ClientHandle{kHandles[1]});
  EXPECT_EQ(reply.Endpoints(AttributeType::kXorMappedAddress), std::vector{kClient});
}

TEST_F(HandleDiscovery, NBD_11_PaddingIsAnsweredWithFifteenHundredOctets) {
  Allow(true, false);
  const Reply reply = Send(Binding().Zeros(AttributeType::kPadding, 1500));
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(reply.view().Find(AttributeType::kPadding)->value.size(), 1500u);
  EXPECT_EQ(reply.octets.size() % 4, 0u);
  EXPECT_LT(reply.octets.size(), 2048u);
  EXPECT_FALSE(Send(Binding()).Has(AttributeType::kPadding));
}

TEST_F(HandleDiscovery, NBD_11_D1_ALittlePaddingGetsNoMoreThanFiveTimesTheRequest) {
  Allow(true, false);
  for (const auto& address : {kClient, kClientV6}) {
    Use(address.address.is_v4() ? kSockets : kSocketsV6);
    for (const std::size_t count : {0U, 1U, 4U, 100U, 250U, 300U, 1000U, 60000U}) {
      for (const bool has_fingerprint : {false, true}) {
        TurnMessage request = Binding().Zeros(AttributeType::kPadding, count);
        if (has_fingerprint) request.Fingerprint();
        const Reply reply = Send(request, 0, address);
        ASSERT_TRUE(reply.is_success());
        EXPECT_TRUE(reply.Has(AttributeType::kPadding));
        EXPECT_LE(reply.octets.size(), 5 * request.octets().size()) << count;
      }
    }
  }
}

TEST_F(HandleDiscovery, NBD_11_ThePaddingFitsBesideTheLongestSoftware) {
  server_.Reload([](Policy& policy) {
    policy.discovery_padding = true;
    policy.software = std::string(600, 's');
    policy.software_attribute = Policy::SoftwareAttribute::kAlways;
  });
  Use(kSocketsV6);
  const Reply reply =
      Send(Binding().Zeros(AttributeType::kPadding, 1500).Fingerprint(), 0, kClientV6);
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(reply.view().Find(AttributeType::kPadding)->value.size(), 1500u);
}

TEST_F(HandleDiscovery, D1_NoAnswerIsLargerThanFiveTimesTheRequest) {
  for (const auto software :
       {Policy::SoftwareAttribute::kNever, Policy::SoftwareAttribute::kAlways}) {
    server_.Reload([&](Policy& policy) { policy.software_attribute = software; });
    for (const auto& address : {kClient, kClientV6}) {
      Use(address.address.is_v4() ? kSockets : kSocketsV6);
      for (TurnMessage request : {Binding(), Binding().Fingerprint(), Change(6)}) {
        const Reply reply = Send(request, 0, address);
        ASSERT_TRUE(reply.is_success());
        EXPECT_LE(reply.octets.size(), 5 * request.octets().size());
        EXPECT_TRUE(reply.Has(AttributeType::kXorMappedAddress));
        EXPECT_TRUE(reply.Has(AttributeType::kOtherAddress));
      }
      EXPECT_LE(SendAs(ClientOf(0, address), Classic()).octets.size(), 100u);
    }
  }
}

TEST_F(HandleDiscovery, NBD_03_D1_OverIpv6ABareRequestGetsTheMappedAddressXoredOnly) {
  Use(kSocketsV6);
  const Reply bare = Send(Binding(), 0, kClientV6);
  EXPECT_EQ(bare.octets.size(), 92u);
  EXPECT_FALSE(bare.Has(AttributeType::kMappedAddress));
  EXPECT_TRUE(bare.Has(AttributeType::kResponseOrigin));
  const Reply longer = Send(Change(0), 0, kClientV6);
  EXPECT_EQ(Plain(longer, AttributeType::kMappedAddress), kClientV6);
}

TEST_F(HandleDiscovery, STUN_45_AClassicChangeRequestIsServed) {
  const Reply reply = Readable(SendAs(ClientOf(0), Classic({0, 3, 0, 4, 0, 0, 0, 6})));
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(recipient_.handle, ClientHandle{kHandles[3]});
  EXPECT_EQ(Plain(reply, AttributeType::kMappedAddress), kClient);
  EXPECT_EQ(Plain(reply, AttributeType::kSourceAddress), kSockets[3]);
  EXPECT_EQ(Plain(reply, AttributeType::kChangedAddress), kSockets[3]);
  EXPECT_FALSE(reply.Has(AttributeType::kXorMappedAddress));
  EXPECT_FALSE(reply.Has(AttributeType::kOtherAddress));
}

TEST_F(HandleDiscovery, STUN_45_ClassicResponseAddressPaddingAndResponsePortStay420) {
  Allow(true, true);
  for (const std::vector<std::uint8_t>& body :
       {std::vector<std::uint8_t>{0, 2, 0, 8, 0, 1, 0x13, 0x88, 20, 9, 9, 9},
        std::vector<std::uint8_t>{0, 0x26, 0, 0},
        std::vector<std::uint8_t>{0, 0x27, 0, 4, 0x1f, 0x90, 0, 0}}) {
    EXPECT_EQ(Readable(SendAs(ClientOf(0), Classic(body))).error(), 420);
    EXPECT_EQ(recipient_.five_tuple.client, kClient);
  }
}

}  // namespace turn::handle_discovery_test
