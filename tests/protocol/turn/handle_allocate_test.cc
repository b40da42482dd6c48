#include <gtest/gtest.h>

#include <set>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::handle_allocate_test {

constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kIpv6 = 2;

TurnMessage Allocate() { return TurnMessage(Method::kAllocate).Udp(); }
TurnMessage Allocate(AttributeType type, std::uint8_t family) {
  return Allocate().LeadingOctet(type, family);
}

void OnlyIpv4(TestServer::Options& options) { options.ledger.relay_addresses.pop_back(); }
void OnlyIpv6(TestServer::Options& options) {
  options.ledger.relay_addresses.erase(options.ledger.relay_addresses.begin());
}
std::function<void(TestServer::Options&)> Ports(std::uint16_t min, std::uint16_t max) {
  return [=](TestServer::Options& options) {
    options.ledger.min_port = min;
    options.ledger.max_port = max;
  };
}

base::Bytes Token(const Reply& reply) {
  return reply.view().Find(AttributeType::kReservationToken)->value;
}

TEST(HandleAllocate, TURN_34_SuccessNamesRelayLifetimeAndClient) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Allocate();
  ASSERT_TRUE(reply.is_success());
  ASSERT_EQ(reply.relayed().size(), 1u);
  EXPECT_EQ(reply.relayed()[0].address, kRelayV4);
  EXPECT_EQ(reply.lifetime(), 600u);
  EXPECT_EQ(reply.Endpoints(AttributeType::kXorMappedAddress), std::vector{kClient});
  EXPECT_FALSE(reply.Has(AttributeType::kReservationToken));
  EXPECT_EQ(server.engine.allocation_count(), 1u);
  EXPECT_EQ(server.effects.opened.size(), 1u);
}

TEST(HandleAllocate, TheRelayIsOpenStartedAndLiveBeforeTheAnswer) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  ASSERT_EQ(server.effects.sockets.size(), 1u);
  EXPECT_TRUE(server.effects.sockets.begin()->second.is_started);
  EXPECT_TRUE(server.ledger.IsLive(client.relayed[0]));
}

TEST(HandleAllocate, BehindNatTheClientLearnsTheExternalAddress) {
  TestServer server([](TestServer::Options& options) {
    PeerPolicy::Rules rules;
    rules.relay_addresses = {{Address("10.0.0.5"), Address("20.5.5.5")}};
    options.policy.peers = PeerPolicy(rules);
    options.ledger.relay_addresses = rules.relay_addresses;
  });
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.relayed[0].address, Address("20.5.5.5"));
  EXPECT_EQ(server.effects.sockets.begin()->second.address.endpoint,
            (base::Endpoint{Address("10.0.0.5"), client.relayed[0].port}));
}

TEST(HandleAllocate, TURN_07_NobodyGetsARelayWithoutCredentials) {
  TestServer server;
  EXPECT_EQ(TestClient(server).Send(Allocate()).error(), 401);
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

TEST(HandleAllocate, TURN_08_ASecondAllocateOnTheSame5TupleIs437) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const std::vector<base::Endpoint> relayed = client.relayed;
  EXPECT_EQ(client.Allocate().error(), 437);
  EXPECT_EQ(server.engine.allocation_count(), 1u);
  EXPECT_EQ(client.Refresh().lifetime(), 600u);
}

TEST(HandleAllocate, TURN_09_MissingRequestedTransportIs400) {
  TestServer server;
  EXPECT_EQ(TestClient(server).Request(TurnMessage(Method::kAllocate)).error(), 400);
}

TEST(HandleAllocate, TURN_10_MalformedRequestedTransportIs400) {
  TestServer server;
  TestClient client(server);
  for (const std::size_t length : {0u, 1u, 3u, 8u}) {
    TurnMessage request(Method::kAllocate);
    request.Zeros(AttributeType::kRequestedTransport, length);
    EXPECT_EQ(client.Request(request).error(), 400) << length;
  }
}

TEST(HandleAllocate, TURN_11_AProtocolOtherThanUdpIs442) {
  TestServer server;
  TestClient client(server);
  for (const int protocol : {0, 6, 132, 255}) {
    TurnMessage request(Method::kAllocate);
    request.LeadingOctet(AttributeType::kRequestedTransport, static_cast<std::uint8_t>(protocol));
    EXPECT_EQ(client.Request(request).error(), 442) << protocol;
  }
}

TEST(HandleAllocate, TURN_11_ReservedOctetsOfRequestedTransportAreIgnored) {
  TestServer server;
  TurnMessage request(Method::kAllocate);
  request.U32(AttributeType::kRequestedTransport, 0x11ffffff);
  EXPECT_TRUE(TestClient(server).Request(request).is_success());
}

TEST(HandleAllocate, TURN_12_DontFragmentIsAccepted) {
  TestServer server;
  TurnMessage request = Allocate().Zeros(AttributeType::kDontFragment, 0);
  EXPECT_TRUE(TestClient(server).Allocate(request).is_success());
}

TEST(HandleAllocate, TURN_13_DontFragmentBetweenIpv4ClientAndIpv6RelayIs420) {
  TestServer server;
  TurnMessage request = Allocate(AttributeType::kRequestedAddressFamily, kIpv6)
                            .Zeros(AttributeType::kDontFragment, 0);
  const Reply reply = TestClient(server).Allocate(request);
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown(), std::vector{AttributeType::kDontFragment});
}

TEST(HandleAllocate, STUN_16_AnUnknownAttributeIs420OnlyForTheAuthenticated) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = Allocate().U32(static_cast<AttributeType>(0x7f00), 0);
  EXPECT_EQ(client.Send(request).error(), 401);
  EXPECT_EQ(client.Request(request).error(), 420);
}

TEST(HandleAllocate, OAUTH_02_AnAccessTokenThatWasNotOfferedIs420) {
  TestServer server;
  TurnMessage request = Allocate().Zeros(AttributeType::kAccessToken, 40);
  const Reply reply = TestClient(server).Request(request);
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown(), std::vector{AttributeType::kAccessToken});
}

TEST(HandleAllocate, TURN_14_AReservationTokenExcludesEvenPortAndFamilies) {
  TestServer server;
  TestClient client(server);
  const TurnMessage token = Allocate().Zeros(AttributeType::kReservationToken, 8);
  EXPECT_EQ(client.Allocate(TurnMessage(token).EvenPort(0)).error(), 400);
  EXPECT_EQ(
      client
          .Allocate(TurnMessage(token).LeadingOctet(AttributeType::kRequestedAddressFamily, kIpv4))
          .error(),
      400);
  EXPECT_EQ(
      client
          .Allocate(TurnMessage(token).LeadingOctet(AttributeType::kAdditionalAddressFamily, kIpv6))
          .error(),
      400);
}

TEST(HandleAllocate, TURN_15_AnUnknownTokenIs508) {
  TestServer server;
  EXPECT_EQ(
      TestClient(server).Allocate(Allocate().Zeros(AttributeType::kReservationToken, 8)).error(),
      508);
}

TEST(HandleAllocate, B58_AMalformedTokenIs400) {
  TestServer server;
  TestClient client(server);
  for (const std::size_t length : {0u, 7u, 9u})
    EXPECT_EQ(client.Allocate(Allocate().Zeros(AttributeType::kReservationToken, length)).error(),
              400);
}

TEST(HandleAllocate, TURN_16_ATokenYieldsTheNextPortOverAnotherTransport) {
  TestServer server;
  TestClient first(server);
  const Reply reply = first.Allocate(Allocate().EvenPort(0x80));
  ASSERT_TRUE(reply.is_success());
  TestClient second(server, At("20.1.1.2:41000"), base::Transport::kTcp);
  const Reply redeemed =
      second.Allocate(Allocate().Bytes(AttributeType::kReservationToken, Token(reply)));
  ASSERT_TRUE(redeemed.is_success());
  EXPECT_EQ(second.relayed[0].address, first.relayed[0].address);
  EXPECT_EQ(second.relayed[0].port, first.relayed[0].port + 1);
  EXPECT_EQ(server.ledger.ReadTotals().reservations, 0u);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 2u);
}

TEST(HandleAllocate, TURN_16_AnotherShardRedeemsAToken) {
  TestServer server;
  test_support::RecordingEffects other_effects;
  TestClient first(server);
  const Reply reply = first.Allocate(Allocate().EvenPort(0x80));
  Policy policy;
  policy.realm = kRealm;
  Engine other(
      std::make_shared<const Policy>(policy),
      std::make_shared<const ListedUsers>(
          std::string(kRealm), std::vector<ListedUsers::User>{{"alice", "secret-a", "alice"}}),
      NonceKey{{1, 2, 3}}, server.ledger, server.random, other_effects, server.now.monotonic);
  // The socket is of the process; the fake keeps it in each effects object.
  for (const auto& [handle, socket] : server.effects.sockets) {
    if (!socket.is_started) other_effects.sockets.emplace(handle, socket);
  }
  TestClient second(server, At("20.1.1.2:41000"));
  const TurnMessage request =
      second.Sign(Allocate().Bytes(AttributeType::kReservationToken, Token(reply)));
  other.OnMessage(second.client, request.octets(), server.now);
  ASSERT_EQ(other_effects.to_client.size(), 1u);
  EXPECT_TRUE(Reply{other_effects.to_client[0].octets}.is_success());
  // The engine that made the reservation has nothing to take back.
  server.WaitAndAdvance(seconds(31));
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 2u);
  EXPECT_EQ(server.effects.sockets.size(), 2u);
  other.CloseAll(server.now);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
}

TEST(HandleAllocate, TURN_15_AUsedTokenIs508) {
  TestServer server;
  const Reply reply = TestClient(server).Allocate(Allocate().EvenPort(0x80));
  const TurnMessage redeem = Allocate().Bytes(AttributeType::kReservationToken, Token(reply));
  EXPECT_TRUE(TestClient(server, At("20.1.1.2:41000")).Allocate(redeem).is_success());
  EXPECT_EQ(TestClient(server, At("20.1.1.3:41000")).Allocate(redeem).error(), 508);
}

TEST(HandleAllocate, ATokenOfAnotherUserIs508) {
  TestServer server;
  const Reply reply = TestClient(server).Allocate(Allocate().EvenPort(0x80));
  TestClient other(server, At("20.1.1.2:41000"));
  other.Login("bob", "secret-b");
  EXPECT_EQ(
      other.Allocate(Allocate().Bytes(AttributeType::kReservationToken, Token(reply))).error(),
      508);
}

TEST(HandleAllocate, TURN_19_AReservationIsHeldFor30Seconds) {
  TestServer server;
  const Reply reply = TestClient(server).Allocate(Allocate().EvenPort(0x80));
  server.WaitAndAdvance(seconds(29));
  TestClient second(server, At("20.1.1.2:41000"));
  EXPECT_TRUE(second.Allocate(Allocate().Bytes(AttributeType::kReservationToken, Token(reply)))
                  .is_success());
}

TEST(HandleAllocate, TURN_15_AnExpiredTokenIs508AndItsPortSocketAndChargeAreBack) {
  TestServer server;
  const Reply reply = TestClient(server).Allocate(Allocate().EvenPort(0x80));
  server.Wait(seconds(30));
  const TurnMessage redeem = Allocate().Bytes(AttributeType::kReservationToken, Token(reply));
  EXPECT_EQ(TestClient(server, At("20.1.1.2:41000")).Allocate(redeem).error(), 508);
  EXPECT_EQ(server.effects.sockets.size(), 2u);
  server.WaitAndAdvance(seconds(1));
  EXPECT_EQ(server.effects.sockets.size(), 1u);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 1u);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
  EXPECT_EQ(server.ledger.ReadTotals().reservations, 0u);
}

TEST(HandleAllocate, AReservationOutlivesTheAllocationThatMadeIt) {
  TestServer server;
  TestClient first(server);
  const Reply reply = first.Allocate(Allocate().EvenPort(0x80));
  first.Refresh(0);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
  TestClient second(server, At("20.1.1.2:41000"));
  EXPECT_TRUE(second.Allocate(Allocate().Bytes(AttributeType::kReservationToken, Token(reply)))
                  .is_success());
}

TEST(HandleAllocate, TURN_17_EvenPortWithoutReservationTakesOneEvenPort) {
  TestServer server;
  for (std::uint16_t i = 0; i < 200; ++i) {
    TestClient client(server, {Address("20.1.1.1"), static_cast<std::uint16_t>(40000 + i)});
    const Reply reply = client.Allocate(Allocate().EvenPort(0x7f));
    ASSERT_TRUE(reply.is_success());
    EXPECT_EQ(client.relayed[0].port % 2, 0);
    EXPECT_FALSE(reply.Has(AttributeType::kReservationToken));
  }
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 200u);
}

TEST(HandleAllocate, TURN_18_TheReservedPortIsNobodyElses) {
  TestServer server(Ports(50000, 50003));
  TestClient client(server);
  const Reply reply = client.Allocate(Allocate().EvenPort(0xff));
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(client.relayed[0].port % 2, 0);
  EXPECT_EQ(Token(reply).size(), 8u);
  std::set<std::uint16_t> others;
  for (std::uint16_t i = 0; i < 3; ++i) {
    TestClient other(server, {Address("20.1.1.2"), static_cast<std::uint16_t>(41000 + i)});
    if (other.Allocate().is_success()) others.insert(other.relayed[0].port);
  }
  EXPECT_EQ(others.size(), 2u);
  EXPECT_FALSE(others.contains(static_cast<std::uint16_t>(client.relayed[0].port + 1)));
}

TEST(HandleAllocate, TURN_20_AnEvenPortThatCannotBeHadIs508) {
  TestServer server(Ports(50001, 50001));
  TestClient client(server);
  EXPECT_EQ(client.Allocate(Allocate().EvenPort(0)).error(), 508);
  EXPECT_EQ(client.Allocate(Allocate().EvenPort(0x80)).error(), 508);
  EXPECT_TRUE(client.Allocate().is_success());
}

TEST(HandleAllocate, TURN_20_AMalformedEvenPortIs400) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.Allocate(Allocate().Zeros(AttributeType::kEvenPort, 0)).error(), 400);
  EXPECT_EQ(client.Allocate(Allocate().Zeros(AttributeType::kEvenPort, 4)).error(), 400);
}

TEST(HandleAllocate, TURN_21_B62_ARetransmissionGetsTheSameSuccessAndNoSecondPort) {
  TestServer server;
  TestClient client(server);
  const TurnMessage request = client.Sign(Allocate().EvenPort(0x80));
  const Reply first = client.Send(request);
  ASSERT_TRUE(first.is_success());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(client.Send(request).octets, first.octets);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 2u);
  EXPECT_EQ(server.engine.allocation_count(), 1u);
}

TEST(HandleAllocate, TURN_21_ALateRetransmissionSaysWhatIsLeft) {
  TestServer server;
  TestClient client(server);
  const TurnMessage request = client.Sign(Allocate());
  const Reply first = client.Send(request);
  server.Wait(std::chrono::milliseconds(7900));
  const Reply second = client.Send(request);
  EXPECT_EQ(second.relayed(), first.relayed());
  EXPECT_EQ(second.lifetime(), 593u);
}

TEST(HandleAllocate, B63_TheSameTransactionIdWithOtherContentGetsTheStoredAnswer) {
  TestServer server;
  TestClient client(server);
  const TurnMessage request = Allocate();
  const Reply first = client.Allocate(request);
  TurnMessage other(Method::kAllocate);
  other.WithId(request.transaction_id()).U32(AttributeType::kLifetime, 3000);
  EXPECT_EQ(client.Request(other).relayed(), first.relayed());
  EXPECT_EQ(server.engine.allocation_count(), 1u);
}

TEST(HandleAllocate, TURN_21_AnotherUserWithTheSameTransactionIdGets437) {
  TestServer server;
  TestClient client(server);
  const TurnMessage request = Allocate();
  client.Allocate(request);
  client.Login("bob", "secret-b");
  EXPECT_EQ(client.Request(request).error(), 437);
}

TEST(HandleAllocate, TURN_25_TheQuotaIsOfTheUserWhereverItComesFrom) {
  TestServer server([](TestServer::Options& options) { options.ledger.allocations_per_user = 2; });
  TestClient first(server, At("20.1.1.1:1000"));
  TestClient second(server, At("20.1.1.2:1000"));
  TestClient third(server, At("20.1.1.3:1000"));
  EXPECT_TRUE(first.Allocate().is_success());
  EXPECT_TRUE(second.Allocate().is_success());
  EXPECT_EQ(third.Allocate().error(), 486);
  EXPECT_EQ(server.effects.quota_rejections, std::vector{QuotaScope::kUser});
  EXPECT_TRUE(
      TestClient(server, At("20.1.1.4:1000")).Login("bob", "secret-b").Allocate().is_success());
  first.Refresh(0);
  EXPECT_TRUE(third.Allocate().is_success());
}

TEST(HandleAllocate, TURN_25_OneTimeNamesOfOneSubjectShareItsQuota) {
  TestServer server([](TestServer::Options& options) {
    options.users = {
        {"1:x", "p", "dave", "acme"}, {"2:y", "p", "dave", "acme"}, {"3:z", "p", "dave", "other"}};
    options.ledger.allocations_per_user = 1;
  });
  EXPECT_TRUE(TestClient(server, At("20.1.1.1:1000")).Login("1:x", "p").Allocate().is_success());
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Login("2:y", "p").Allocate().error(), 486);
  EXPECT_TRUE(TestClient(server, At("20.1.1.3:1000")).Login("3:z", "p").Allocate().is_success());
}

TEST(HandleAllocate, D13_AReservationCountsInTheQuota) {
  TestServer server([](TestServer::Options& options) { options.ledger.allocations_per_user = 3; });
  EXPECT_TRUE(
      TestClient(server, At("20.1.1.1:1000")).Allocate(Allocate().EvenPort(0x80)).is_success());
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Allocate(Allocate().EvenPort(0x80)).error(),
            486);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 2u);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 2u);
  EXPECT_TRUE(TestClient(server, At("20.1.1.3:1000")).Allocate().is_success());
}

TEST(HandleAllocate, TheServersTotalIs508) {
  TestServer server([](TestServer::Options& options) { options.ledger.allocations = 1; });
  EXPECT_TRUE(TestClient(server, At("20.1.1.1:1000")).Allocate().is_success());
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Allocate().error(), 508);
  EXPECT_EQ(server.effects.quota_rejections, std::vector{QuotaScope::kTotal});
}

TEST(HandleAllocate, TURN_27_NoPortLeftIs508UntilOneIsGivenBack) {
  TestServer server(Ports(50000, 50003));
  std::vector<TestClient> clients;
  for (std::uint16_t i = 0; i < 5; ++i)
    clients.emplace_back(server,
                         base::Endpoint{Address("20.1.1.1"), static_cast<std::uint16_t>(1000 + i)});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(clients[i].Allocate().is_success());
  EXPECT_EQ(clients[4].Allocate().error(), 508);
  EXPECT_EQ(server.effects.quota_rejections, std::vector{QuotaScope::kPorts});
  clients[0].Refresh(0);
  EXPECT_TRUE(clients[4].Allocate().is_success());
}

TEST(HandleAllocate, APortThatTheSystemRefusesIsPassedOver) {
  TestServer server(Ports(50000, 50003));
  server.effects.refuses = [](const RelayedTransportAddress& address) {
    return address.endpoint.port != 50002;
  };
  TestClient client(server);
  EXPECT_TRUE(client.Allocate().is_success());
  EXPECT_EQ(client.relayed[0].port, 50002);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 1u);
}

TEST(HandleAllocate, ASystemThatRefusesEveryPortIs508AfterAFewAttempts) {
  TestServer server;
  server.effects.refuses = [](const RelayedTransportAddress&) { return true; };
  TestClient client(server);
  EXPECT_EQ(client.Allocate().error(), 508);
  EXPECT_EQ(client.Allocate(Allocate().EvenPort(0x80)).error(), 508);
  EXPECT_LE(server.effects.open_attempts, 32u);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 0u);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 0u);
}

TEST(HandleAllocate, APairOfWhichTheSystemRefusesTheOddPortIsPassedOver) {
  TestServer server(Ports(50000, 50003));
  server.effects.refuses = [](const RelayedTransportAddress& address) {
    return address.endpoint.port == 50001;
  };
  TestClient client(server);
  EXPECT_TRUE(client.Allocate(Allocate().EvenPort(0x80)).is_success());
  EXPECT_EQ(client.relayed[0].port, 50002);
  EXPECT_EQ(server.effects.sockets.size(), 2u);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 2u);
}

TEST(HandleAllocate, TURN_28_PortsComeFromTheDynamicRange) {
  TestServer server([](TestServer::Options& options) {
    options.ledger.allocations_per_user = 0;
    options.policy.challenge_rate = 0;
  });
  for (std::uint16_t i = 0; i < 1000; ++i) {
    TestClient client(server, {Address("20.1.1.1"), static_cast<std::uint16_t>(1000 + i)});
    client.Allocate();
    EXPECT_GE(client.relayed[0].port, 49152);
  }
}

TEST(HandleAllocate, TURN_06_RelayedAddressesAreUnique) {
  TestServer server([](TestServer::Options& options) {
    options.ledger.allocations_per_user = 0;
    options.policy.challenge_rate = 0;
  });
  std::set<base::Endpoint> relayed;
  for (std::uint16_t i = 0; i < 5000; ++i) {
    TestClient client(server, {Address("20.1.1.1"), static_cast<std::uint16_t>(1000 + i)});
    ASSERT_TRUE(client.Allocate().is_success());
    EXPECT_TRUE(relayed.insert(client.relayed[0]).second);
  }
}

struct LifetimeCase {
  std::optional<std::uint32_t> requested;
  std::uint32_t granted;
};
class AllocateLifetime : public ::testing::TestWithParam<LifetimeCase> {};
TEST_P(AllocateLifetime, TURN_31_TURN_32_TURN_33_IsBetweenDefaultAndMaximum) {
  TestServer server;
  TurnMessage request = Allocate();
  if (GetParam().requested) request.U32(AttributeType::kLifetime, *GetParam().requested);
  EXPECT_EQ(TestClient(server).Allocate(request).lifetime(), GetParam().granted);
}
INSTANTIATE_TEST_SUITE_P(HandleAllocate, AllocateLifetime,
                         ::testing::Values(LifetimeCase{std::nullopt, 600}, LifetimeCase{0, 600},
                                           LifetimeCase{1, 600}, LifetimeCase{100, 600},
                                           LifetimeCase{777, 777}, LifetimeCase{3600, 3600},
                                           LifetimeCase{86400, 3600},
                                           LifetimeCase{0xffffffff, 3600}));

TEST(HandleAllocate, TURN_33_AMalformedLifetimeIs400) {
  TestServer server;
  TestClient client(server);
  for (const std::size_t length : {0u, 2u, 8u})
    EXPECT_EQ(client.Allocate(Allocate().Zeros(AttributeType::kLifetime, length)).error(), 400);
}

TEST(HandleAllocate, TURN_35_SoftwareIsInSuccessAndErrorForTheAuthenticated) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.Allocate().Text(AttributeType::kSoftware), "test-server");
  EXPECT_EQ(client.Allocate().Text(AttributeType::kSoftware), "test-server");
  EXPECT_EQ(client.Refresh().Text(AttributeType::kSoftware), "test-server");
}

TEST(HandleAllocate, STUN_35_SoftwareCanBeSwitchedOffEverywhere) {
  TestServer server([](TestServer::Options& options) {
    options.policy.software_attribute = Policy::SoftwareAttribute::kNever;
  });
  TestClient client(server);
  EXPECT_FALSE(client.Allocate().Has(AttributeType::kSoftware));
  EXPECT_FALSE(client.Allocate().Has(AttributeType::kSoftware));
}

TEST(HandleAllocate, STUN_40_TheLongestAnswersFitTheSmallestPacket) {
  TestServer server([](TestServer::Options& options) { options.policy.software.assign(127, 's'); });
  TestClient client(server, kClientV6);
  const Reply reply = client.Send(
      client.Sign(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6)).Fingerprint());
  ASSERT_TRUE(reply.is_success());
  EXPECT_LE(reply.octets.size(), 548u);
}

TEST(HandleAllocate, TURN_05_AnAllocationBelongsToItsWhole5Tuple) {
  TestServer server;
  TestClient udp(server);
  TestClient tcp(server, kClient, base::Transport::kTcp);
  TestClient other_port(server);
  other_port.client.five_tuple.server = At("192.0.2.1:49152");
  EXPECT_TRUE(udp.Allocate().is_success());
  EXPECT_TRUE(tcp.Allocate().is_success());
  EXPECT_TRUE(other_port.Allocate().is_success());
  EXPECT_EQ(server.engine.allocation_count(), 3u);
}

TEST(HandleAllocate, TURN_46_ANewAllocationHasNoPermissions) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_FALSE(client.SendTo(kPeer));
}

TEST(HandleAllocate, V6_01_WithoutAFamilyItIsIpv4EvenForAnIpv6Client) {
  TestServer server;
  TestClient client(server, kClientV6);
  client.Allocate();
  EXPECT_EQ(client.relayed[0].address, kRelayV4);
}

TEST(HandleAllocate, V6_02_WithoutAFamilyAndWithoutIpv4RelaysItIs440) {
  TestServer server(OnlyIpv6);
  EXPECT_EQ(TestClient(server).Allocate().error(), 440);
}

TEST(HandleAllocate, V6_03_AFamilyThatIsNotServedIs440) {
  TestServer server(OnlyIpv4);
  TestClient client(server);
  EXPECT_EQ(client.Allocate(Allocate(AttributeType::kRequestedAddressFamily, kIpv6)).error(), 440);
  for (const int family : {0, 3, 255}) {
    EXPECT_EQ(client
                  .Allocate(Allocate(AttributeType::kRequestedAddressFamily,
                                     static_cast<std::uint8_t>(family)))
                  .error(),
              440);
  }
}

TEST(HandleAllocate, V6_04_TheRequestedFamilyIsGiven) {
  TestServer server;
  TestClient v4(server);
  TestClient v6(server, kClientV6);
  v4.Allocate(Allocate(AttributeType::kRequestedAddressFamily, kIpv4));
  v6.Allocate(Allocate(AttributeType::kRequestedAddressFamily, kIpv6));
  EXPECT_EQ(v4.relayed[0].address, kRelayV4);
  EXPECT_EQ(v6.relayed[0].address, kRelayV6);
}

TEST(HandleAllocate, V6_05_ReservedBitsOfTheFamilyAreIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Allocate().U32(AttributeType::kRequestedAddressFamily, 0x02ffffff));
  EXPECT_EQ(client.relayed[0].address, kRelayV6);
}

TEST(HandleAllocate, B59_OfTwoFamiliesTheFirstCounts) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Allocate(AttributeType::kRequestedAddressFamily, kIpv6)
                      .LeadingOctet(AttributeType::kRequestedAddressFamily, kIpv4));
  EXPECT_EQ(client.relayed[0].address, kRelayV6);
}

TEST(HandleAllocate, V6_06_RequestedAndAdditionalFamilyTogetherAre400) {
  TestServer server;
  EXPECT_EQ(TestClient(server)
                .Allocate(Allocate(AttributeType::kRequestedAddressFamily, kIpv4)
                              .LeadingOctet(AttributeType::kAdditionalAddressFamily, kIpv6))
                .error(),
            400);
}

TEST(HandleAllocate, V6_07_AReservationWithAnAdditionalFamilyIs400ButAnEvenPortIsNot) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6).EvenPort(0x80))
                .error(),
            400);
  EXPECT_TRUE(client.Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6).EvenPort(0))
                  .is_success());
  for (const base::Endpoint& relayed : client.relayed) EXPECT_EQ(relayed.port % 2, 0);
}

TEST(HandleAllocate, V6_08_AnAdditionalFamilyOfIpv4Is400) {
  TestServer server;
  EXPECT_EQ(
      TestClient(server).Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv4)).error(),
      400);
}

TEST(HandleAllocate, V6_09_ADualAllocationHasOneRelayOfEachFamily) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6));
  ASSERT_EQ(client.relayed.size(), 2u);
  EXPECT_EQ(client.relayed[0].address, kRelayV4);
  EXPECT_EQ(client.relayed[1].address, kRelayV6);
  EXPECT_FALSE(reply.Has(AttributeType::kAddressErrorCode));
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 2u);
  EXPECT_EQ(server.engine.allocation_count(), 1u);
}

std::vector<std::uint8_t> AddressErrorOf(const Reply& reply) {
  const auto value = reply.view().Find(AttributeType::kAddressErrorCode)->value;
  return {value.begin(), value.end()};
}

TEST(HandleAllocate, V6_10_HalfOfADualAllocationNamesTheFamilyThatIsNotServed) {
  TestServer server(OnlyIpv4);
  TestClient client(server);
  const Reply reply = client.Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6));
  ASSERT_EQ(client.relayed.size(), 1u);
  EXPECT_EQ(AddressErrorOf(reply), (std::vector<std::uint8_t>{2, 0, 4, 40}));
}

TEST(HandleAllocate, V6_10_HalfOfADualAllocationNamesTheFamilyWithoutPorts) {
  TestServer server;
  server.effects.refuses = [](const RelayedTransportAddress& address) {
    return address.endpoint.address.is_v4();
  };
  TestClient client(server);
  const Reply reply = client.Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6));
  ASSERT_EQ(client.relayed.size(), 1u);
  EXPECT_EQ(client.relayed[0].address, kRelayV6);
  EXPECT_EQ(AddressErrorOf(reply), (std::vector<std::uint8_t>{1, 0, 5, 8}));
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
}

TEST(HandleAllocate, V6_11_ADualAllocationOfWhichNothingCanBeHadIs508) {
  TestServer server;
  server.effects.refuses = [](const RelayedTransportAddress&) { return true; };
  TestClient client(server);
  EXPECT_EQ(client.Allocate(Allocate(AttributeType::kAdditionalAddressFamily, kIpv6)).error(), 508);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 0u);
}

TEST(HandleAllocate, V6_17_A6To4OrTeredoClientIs403) {
  TestServer server;
  EXPECT_EQ(TestClient(server, At("[2002:1401:101::1]:4000")).Allocate().error(), 403);
  EXPECT_EQ(TestClient(server, At("[2001:0:1::1]:4000")).Allocate().error(), 403);
}

TEST(HandleAllocate, ADrainingServerIs508ForNewAndServesTheOthers) {
  TestServer server;
  TestClient old(server);
  const TurnMessage request = old.Sign(Allocate());
  ASSERT_TRUE(old.Send(request).is_success());
  server.Reload([](Policy& policy) { policy.draining = true; });
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Allocate().error(), 508);
  EXPECT_TRUE(old.Send(request).is_success());
  EXPECT_TRUE(old.Refresh().is_success());
}

TEST(HandleAllocate, STUN_12_OfTwoLifetimesTheFirstCounts) {
  TestServer server;
  TurnMessage request = Allocate().U32(AttributeType::kLifetime, 700);
  request.U32(AttributeType::kLifetime, 3000);
  EXPECT_EQ(TestClient(server).Allocate(request).lifetime(), 700u);
}

TEST(HandleAllocate, STUN_11_PaddingOfAnyValueIsIgnored) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  TurnMessage request = Allocate();
  request.Text(AttributeType::kUsername, client.username, 0xff)
      .Text(AttributeType::kRealm, kRealm)
      .Text(AttributeType::kNonce, client.nonce, 0xff)
      .Sign(client.Key());
  EXPECT_TRUE(client.Send(request).is_success());
}

TEST(HandleAllocate, STUN_10_C11_PaddingIsSentAsZero) {
  TestServer server([](TestServer::Options& options) { options.policy.software = "eleven-char"; });
  const Reply reply = TestClient(server).Allocate();
  const auto software = reply.view().Find(AttributeType::kSoftware);
  EXPECT_EQ(software->value.size(), 11u);
  EXPECT_EQ(reply.octets[software->offset + 4 + 11], 0);
}

}  // namespace turn::handle_allocate_test
