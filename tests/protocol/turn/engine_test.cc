#include "protocol/turn/engine.h"

#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::engine_test {

const std::vector<std::uint8_t> kTransactionId = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
                                                  0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb};

// Header and body by hand, with the cookie.
std::vector<std::uint8_t> Raw(std::uint16_t type, std::uint16_t length,
                              const std::vector<std::uint8_t>& body = {}) {
  std::vector<std::uint8_t> octets = {static_cast<std::uint8_t>(type >> 8),
                                      static_cast<std::uint8_t>(type),
                                      static_cast<std::uint8_t>(length >> 8),
                                      static_cast<std::uint8_t>(length),
                                      0x21,
                                      0x12,
                                      0xa4,
                                      0x42};
  octets.insert(octets.end(), kTransactionId.begin(), kTransactionId.end());
  octets.insert(octets.end(), body.begin(), body.end());
  return octets;
}

struct BadInput {
  std::string_view name;
  std::vector<std::uint8_t> octets;
};

class Silence : public ::testing::TestWithParam<BadInput> {};

TEST_P(Silence, IsTheAnswerAndABindingRightAfterIsAnswered) {
  TestServer server;
  TestClient client(server);
  EXPECT_TRUE(client.Send(GetParam().octets).is_silence());
  EXPECT_EQ(client.outcome, Engine::Outcome::kInvalid);
  EXPECT_EQ(server.effects.drops.size(), 1u);
  EXPECT_TRUE(client.Send(TurnMessage(Method::kBinding)).is_success());
}

std::vector<std::uint8_t> WithCookie(std::vector<std::uint8_t> octets, std::uint8_t last) {
  octets[7] = last;
  return octets;
}

INSTANTIATE_TEST_SUITE_P(
    Engine, Silence,
    ::testing::Values(
        BadInput{"B01_empty", {}}, BadInput{"B02_one_octet", {0}},
        BadInput{"B03_nineteen_octets",
                 {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
        BadInput{"STUN_01_top_bits", Raw(0x8001, 0)},
        BadInput{"B04_STUN_03_length_not_of_four", Raw(0x0001, 1, {0})},
        BadInput{"STUN_02_allocate_with_wrong_cookie", WithCookie(Raw(0x0003, 0), 0x43)},
        BadInput{"B06_length_without_body", Raw(0x0001, 0xfffc)},
        BadInput{"B07_STUN_04_surplus", Raw(0x0001, 0, {0xde, 0xad, 0xbe, 0xef})},
        BadInput{"B08_STUN_07_success", Raw(0x0101, 0)},
        BadInput{"B08_STUN_07_error", Raw(0x0111, 0)},
        BadInput{"B09_STUN_06_send_request", Raw(0x0006, 0)},
        BadInput{"B09_STUN_06_allocate_indication", Raw(0x0013, 0)},
        BadInput{"B09_DATA_12_data_indication", Raw(0x0017, 0)},
        BadInput{"B10_STUN_05_unknown_method", Raw(0x000f, 0)},
        BadInput{"B10_STUN_05_high_method", Raw(0x3eef, 0)},
        BadInput{"MUX_02_method_0x100", Raw(0x0200, 0)},
        BadInput{"connect_without_tcp_relay", Raw(0x000a, 0)},
        BadInput{"connection_bind_without_tcp_relay", Raw(0x000b, 0)},
        BadInput{"B12_attribute_past_the_end",
                 Raw(0x0001, 8, {0x80, 0x22, 0, 0xff, 'A', 'A', 'A', 'A'})},
        BadInput{"B13_attribute_without_value", Raw(0x0001, 4, {0x80, 0x22, 0, 4})},
        BadInput{"B14_round_up_overflows", Raw(0x0001, 4, {0x80, 0x22, 0xff, 0xfd})}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Engine, B11_STUN_19_ABindingIndicationIsSilentAndValid) {
  TestServer server;
  TestClient client(server);
  EXPECT_TRUE(client.Send(Raw(0x0011, 0)).is_silence());
  EXPECT_EQ(client.outcome, Engine::Outcome::kValid);
}

TEST(Engine, B16_ManyEmptyOptionalAttributesAreFine) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  TurnMessage request(Method::kBinding);
  for (int i = 0; i < 16000; ++i) request.Zeros(static_cast<AttributeType>(0xfff0), 0);
  EXPECT_TRUE(client.Send(request).is_success());
}

TEST(Engine, B43_B44_AFingerprintThatIsWrongOrMisplacedMeansSilence) {
  TestServer server;
  TestClient client(server);
  EXPECT_TRUE(client.Send(TurnMessage(Method::kBinding).Zeros(AttributeType::kFingerprint, 0))
                  .is_silence());
  EXPECT_TRUE(client.Send(TurnMessage(Method::kBinding).Zeros(AttributeType::kFingerprint, 8))
                  .is_silence());
  EXPECT_TRUE(
      client.Send(TurnMessage(Method::kBinding).Fingerprint().U32(AttributeType::kSoftware, 0))
          .is_silence());
  EXPECT_EQ(server.effects.CountDrops(DropReason::kBadFingerprint), 3u);
}

TEST(Engine, B90_D19_ImpossibleSourcesGetNoAnswer) {
  TestServer server;
  for (const std::string_view source :
       {"20.1.1.1:0", "0.0.0.0:5", "224.0.0.1:5", "239.1.2.3:5", "255.255.255.255:5", "[::]:5",
        "[ff02::1]:5", "192.0.2.1:3478"}) {
    EXPECT_TRUE(TestClient(server, At(source)).Send(TurnMessage(Method::kBinding)).is_silence())
        << source;
  }
  EXPECT_EQ(server.effects.CountDrops(DropReason::kClientDenied), 8u);
}

TEST(Engine, DeniedClientsGetNoAnswer) {
  TestServer server([](TestServer::Options& options) {
    options.policy.denied_clients = {*base::IpPrefix::Parse("20.1.0.0/16")};
  });
  EXPECT_TRUE(TestClient(server).Send(TurnMessage(Method::kBinding)).is_silence());
  EXPECT_TRUE(
      TestClient(server, At("20.2.0.1:1")).Send(TurnMessage(Method::kBinding)).is_success());
}

TEST(Engine, D1_StrangersAreAnsweredUpToTheBurstAndThenAtTheRate) {
  TestServer server([](TestServer::Options& options) {
    options.policy.challenge_rate = 10;
    options.policy.challenge_burst = 5;
  });
  int answers = 0;
  for (std::uint16_t i = 1; i <= 20; ++i) {
    TestClient client(server, {kClient.address, i});
    const TurnMessage request(i % 2 == 0 ? Method::kBinding : Method::kAllocate);
    answers += client.Send(request).is_silence() ? 0 : 1;
  }
  EXPECT_EQ(answers, 5);
  EXPECT_EQ(server.effects.CountDrops(DropReason::kRateLimited), 15u);
  EXPECT_EQ(server.effects.answered.size(), 20u);
  server.Wait(seconds(1));
  EXPECT_FALSE(TestClient(server).Send(TurnMessage(Method::kAllocate)).is_silence());
  EXPECT_FALSE(
      TestClient(server, At("20.1.1.2:1")).Send(TurnMessage(Method::kBinding)).is_silence());
}

TEST(Engine, TheAuthenticatedAndStreamClientsAreNotLimited) {
  TestServer server([](TestServer::Options& options) {
    options.policy.challenge_rate = 1;
    options.policy.challenge_burst = 1;
  });
  TestClient client(server);
  client.Allocate();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(client.Refresh().is_success());
  TestClient stream(server, kClient, base::Transport::kTcp);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(stream.Send(TurnMessage(Method::kBinding)).is_success());
}

TEST(Engine, D2_B92_StrangersLeaveNothingBehind) {
  TestServer server;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const base::Endpoint source = {
        base::IpAddress::FromV4({21, static_cast<std::uint8_t>(i >> 16),
                                 static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}),
        static_cast<std::uint16_t>(1024 + i % 60000)};
    TestClient client(server, source);
    constexpr std::array kMethods = {Method::kAllocate, Method::kRefresh, Method::kBinding,
                                     Method::kChannelBind};
    TurnMessage request(kMethods[i % kMethods.size()]);
    if (i % 3 == 0) request.Zeros(AttributeType::kMessageIntegrity, 20);
    client.Send(request);
    if (i % 1000 == 0) server.effects.ForgetTraffic();
  }
  EXPECT_EQ(server.engine.allocation_count(), 0u);
  EXPECT_EQ(server.effects.open_attempts, 0u);
  const Ledger::Totals totals = server.ledger.ReadTotals();
  EXPECT_EQ(totals.allocations + totals.ports_in_use + totals.reservations + totals.subjects, 0u);
}

TEST(Engine, TURN_45_AClosedConnectionTakesItsAllocationAlong) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.engine.OnClientGone(client.client, server.now);
  EXPECT_EQ(server.engine.allocation_count(), 0u);
  EXPECT_TRUE(server.effects.sockets.empty());
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_EQ(server.effects.closed[0].reason, CloseReason::kClientGone);
}

TEST(Engine, TURN_45_TheEndOfAnEarlierConnectionOfTheSame5TupleIsNoEndOfThisOne) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate();
  Client earlier = client.client;
  earlier.handle.value += 1;
  server.engine.OnClientGone(earlier, server.now);
  EXPECT_EQ(server.engine.allocation_count(), 1u);
}

TEST(Engine, AnAllocationCanBeListedAndDisconnected) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  client.Permit(At("20.9.9.10:1"));
  server.Wait(seconds(100));
  std::uint64_t id = 0;
  server.engine.ForEachAllocation(server.now, [&](const Engine::AllocationSummary& summary) {
    id = summary.id;
    EXPECT_EQ(summary.username, "alice");
    EXPECT_EQ(summary.relayed, client.relayed);
    EXPECT_EQ(summary.remaining, seconds(500));
    EXPECT_EQ(summary.permissions, 2u);
    EXPECT_EQ(summary.channels, 1u);
    EXPECT_EQ(summary.client.five_tuple, client.client.five_tuple);
    EXPECT_EQ(summary.relays.size(), summary.relayed.size());
  });
  EXPECT_EQ(id, server.effects.opened[0]);
  EXPECT_FALSE(server.engine.Disconnect(id + 1, server.now));
  EXPECT_TRUE(server.engine.Disconnect(id, server.now));
  EXPECT_EQ(server.effects.closed[0].reason, CloseReason::kDisconnected);
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

TEST(Engine, CloseAllGivesEverythingBack) {
  TestServer server;
  for (std::uint16_t i = 1; i <= 20; ++i) {
    TestClient client(server, {kClient.address, i});
    client.Allocate(TurnMessage(Method::kAllocate).Udp().EvenPort(0x80));
    client.Bind(0x4000, kPeer);
  }
  server.engine.CloseAll(server.now);
  EXPECT_TRUE(server.effects.sockets.empty());
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_EQ(server.effects.permissions, 0);
  EXPECT_EQ(server.effects.channels, 0);
  const Ledger::Totals totals = server.ledger.ReadTotals();
  EXPECT_EQ(totals.allocations + totals.ports_in_use + totals.reservations + totals.subjects, 0u);
}

TEST(Engine, STUN_38_EveryRequestTypeSentTwiceHasOneOutcome) {
  TestServer server;
  TestClient client(server);
  const std::vector<TurnMessage> requests = {
      TurnMessage(Method::kBinding), client.Sign(TurnMessage(Method::kAllocate).Udp()),
      client.Sign(TurnMessage(Method::kRefresh)),
      client.Sign(TurnMessage(Method::kCreatePermission).Peer(kPeer)),
      client.Sign(TurnMessage(Method::kChannelBind).Channel(0x4000).Peer(kPeer))};
  for (const TurnMessage& request : requests) {
    const Reply first = client.Send(request);
    EXPECT_TRUE(first.is_success());
    EXPECT_EQ(client.Send(request).octets, first.octets);
  }
}

TEST(Engine, STUN_08_STUN_09_ErrorsHaveTransactionIdAndMethodOfTheRequest) {
  TestServer server;
  TestClient client(server);
  for (const Method method :
       {Method::kAllocate, Method::kRefresh, Method::kCreatePermission, Method::kChannelBind}) {
    const TurnMessage request(method);
    const Reply reply = client.Send(request);
    EXPECT_EQ(reply.view().transaction_id(), request.transaction_id());
    EXPECT_EQ(reply.view().type(), (stun::MessageType{method, stun::MessageClass::kError}));
  }
}

TEST(Engine, EveryAnswerIsReported) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  ASSERT_EQ(server.effects.answered.size(), 2u);
  EXPECT_EQ(server.effects.answered[0].error, ErrorCode::kUnauthenticated);
  EXPECT_EQ(server.effects.answered[1].method, Method::kAllocate);
  EXPECT_EQ(server.effects.answered[1].error, std::nullopt);
}

TEST(Engine, CHAN_09_RoutesEndWithTheEarliestOfAllocationChannelAndPermission) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  const auto deadline = [&] { return server.effects.routes.begin()->second.deadline; };
  EXPECT_EQ(deadline(), server.now.monotonic + seconds(300));
  server.Wait(seconds(200));
  client.Permit(kPeer);
  EXPECT_EQ(deadline(), server.now.monotonic + seconds(300));
  server.Wait(seconds(200));
  client.Bind(0x4000, kPeer);  // the allocation has 200 s left
  EXPECT_EQ(deadline(), server.now.monotonic + seconds(200));
  client.Refresh();
  EXPECT_EQ(deadline(), server.now.monotonic + seconds(300));
}

TEST(Engine, ARouteNamesClientRelayAndPeer) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  const Route& route = server.effects.routes.begin()->second;
  EXPECT_EQ(route.client.five_tuple, client.client.five_tuple);
  EXPECT_EQ(route.client.handle, client.client.handle);
  EXPECT_EQ(route.channel, stun::ChannelNumber{0x4000});
  EXPECT_EQ(route.relay, client.RelayOf(base::AddressFamily::kIpv4));
  EXPECT_EQ(route.relayed.endpoint, client.relayed[0]);
  EXPECT_EQ(route.peer.endpoint, kPeer);
  EXPECT_FALSE(route.peer_is_own_relay);
}

TEST(Engine, D13_TenThousandReservationsStayWithinTheQuotaAndComeBack) {
  TestServer server([](TestServer::Options& options) { options.policy.challenge_rate = 0; });
  for (std::uint16_t i = 1; i <= 10'000; ++i) {
    TestClient client(server, {kClient.address, i});
    client.Allocate(TurnMessage(Method::kAllocate).Udp().EvenPort(0x80));
    client.Refresh(0);
  }
  EXPECT_LE(server.ledger.ReadTotals().allocations, 300u);
  server.WaitAndAdvance(seconds(31));
  const Ledger::Totals totals = server.ledger.ReadTotals();
  EXPECT_EQ(totals.allocations + totals.ports_in_use + totals.reservations, 0u);
}

TEST(Engine, AReloadEndsTheAllocationsOfClientsThatItDenies) {
  TestServer server;
  TestClient denied(server);
  TestClient other(server, At("20.1.1.2:40000"));
  denied.Allocate();
  other.Allocate();
  denied.Bind(0x4000, kPeer);
  other.Bind(0x4000, At("20.8.8.8:1"));
  server.Reload([](Policy& policy) { policy.denied_clients = {{kClient.address, 128}}; });
  ASSERT_EQ(server.effects.closed.size(), 1u);
  EXPECT_EQ(server.effects.closed[0].reason, CloseReason::kDisconnected);
  EXPECT_EQ(server.effects.routes.size(), 1u);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
  EXPECT_TRUE(denied.Send(TurnMessage(Method::kBinding)).is_silence());
  EXPECT_TRUE(other.Refresh().is_success());
}

TEST(Engine, AReloadOfCredentialsLeavesTheAllocationItsLifetime) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.SetUsers({});
  EXPECT_EQ(client.Refresh().error(), 401);
  EXPECT_TRUE(client.Hears(kPeer));
  server.WaitAndAdvance(seconds(600));
  EXPECT_EQ(server.effects.closed.size(), 1u);
}

}  // namespace turn::engine_test
