#include "protocol/turn/redirect.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::redirect_test {

using When = Redirect::When;

const base::Endpoint kOther = At("198.51.100.20:3478");
const base::Endpoint kThird = At("198.51.100.21:3478");
const base::Endpoint kOtherV6 = At("[2600:20::20]:3478");
constexpr std::string_view kDomain = "eu02.turn.example";

std::vector<base::Endpoint> AlternatesOf(const Reply& reply) {
  std::vector<base::Endpoint> found;
  reply.view().ForEach([&](const stun::Attribute& attribute) {
    if (attribute.type == AttributeType::kAlternateServer)
      found.push_back(stun::DecodeAddress(attribute.value)->endpoint);
  });
  return found;
}

TestServer MakeServer(std::vector<base::Endpoint> servers, bool is_draining = true,
                      When when = When::kDraining) {
  return TestServer([&](TestServer::Options& options) {
    options.policy.draining = is_draining;
    options.policy.redirect = {when, std::move(servers), std::string(kDomain)};
  });
}

TurnMessage Allocate() { return TurnMessage(Method::kAllocate).Udp(); }

// As a client of RFC 8489 asks.
Reply AllocateWithSha256(TestClient& client) {
  return client.Send(client.Name(Allocate()).SignSha256(client.Key()));
}

TEST(Redirect, AUTH_45_AStrangerIsChallengedAndNotRedirected) {
  TestServer server = MakeServer({kOther});
  const Reply reply = TestClient(server).Send(Allocate());
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(AlternatesOf(reply).empty());
}

TEST(Redirect, AUTH_45_AWrongPasswordIs401) {
  TestServer server = MakeServer({kOther});
  TestClient client(server);
  const Reply reply = client.Login("alice", "wrong").Request(Allocate());
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(AlternatesOf(reply).empty());
}

TEST(Redirect, AUTH_45_TheAnswerHasTheIntegrityOfTheRequest) {
  TestServer server = MakeServer({kOther});
  TestClient client(server);
  const Reply reply = client.Allocate();
  ASSERT_EQ(reply.error(), 300);
  EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key()));
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

TEST(Redirect, TURN_43_ADrainingServerWithNowhereToSendIs508) {
  TestServer server = MakeServer({kOtherV6});
  EXPECT_EQ(TestClient(server).Allocate().error(), 508);
}

TEST(Redirect, TURN_43_AServerThatDoesNotDrainServes) {
  TestServer server = MakeServer({kOther}, false);
  EXPECT_TRUE(TestClient(server).Allocate().is_success());
}

TEST(Redirect, TURN_43_WhatIsWrongAnywayIsNotRedirected) {
  TestServer server = MakeServer({kOther});
  TestClient client(server);
  EXPECT_EQ(client.Request(TurnMessage(Method::kAllocate)).error(), 400);
  EXPECT_EQ(
      client
          .Request(
              TurnMessage(Method::kAllocate).LeadingOctet(AttributeType::kRequestedTransport, 99))
          .error(),
      442);
  EXPECT_EQ(
      client.Request(Allocate().LeadingOctet(AttributeType::kRequestedAddressFamily, 3)).error(),
      440);
}

TEST(Redirect, TURN_43_WhoHasHadHisShareIs486) {
  TestServer server([](TestServer::Options& options) {
    options.ledger.allocations_per_user = 1;
    options.policy.redirect.servers = {kOther};
  });
  ASSERT_TRUE(TestClient(server).Allocate().is_success());
  server.Reload([](Policy& policy) { policy.draining = true; });
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Allocate().error(), 486);
  TestClient other(server, At("20.1.1.2:1000"));
  EXPECT_EQ(other.Login("bob", "secret-b").Allocate().error(), 300);
}

TEST(Redirect, TURN_43_ARedirectionCostsNoQuota) {
  TestServer server([](TestServer::Options& options) {
    options.ledger.allocations_per_user = 1;
    options.policy.redirect = {When::kAlways, {kOther}, {}};
  });
  TestClient client(server);
  EXPECT_EQ(client.Allocate().error(), 300);
  EXPECT_EQ(client.Allocate().error(), 300);
}

TEST(Redirect, TURN_43_AFullServerThatAlwaysRedirectsDoesSo) {
  TestServer server([](TestServer::Options& options) {
    options.ledger.allocations = 1;
    options.policy.redirect.servers = {kOther};
  });
  ASSERT_TRUE(TestClient(server).Allocate().is_success());
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Allocate().error(), 508);
  server.Reload([](Policy& policy) { policy.redirect.when = When::kAlways; });
  EXPECT_EQ(TestClient(server, At("20.1.1.2:1000")).Allocate().error(), 300);
}

TEST(Redirect, TURN_43_AllocationsGoOn) {
  TestServer server = MakeServer({kOther}, false);
  TestClient client(server);
  const TurnMessage request = client.Sign(Allocate());
  ASSERT_TRUE(client.Send(request).is_success());
  server.Reload([](Policy& policy) { policy.draining = true; });
  EXPECT_TRUE(client.Send(request).is_success()) << "a retransmission";
  EXPECT_EQ(client.Request(Allocate()).error(), 437);
  EXPECT_TRUE(client.Refresh().is_success());
  EXPECT_TRUE(client.Permit(kPeer).is_success());
  EXPECT_TRUE(client.SendTo(kPeer));
}

TEST(Redirect, TURN_43_AReservationIsNotSentWhereItIsNot) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.redirect.servers = {kOther}; });
  TestClient client(server);
  const Reply reply = client.Allocate(Allocate().EvenPort(0x80));
  const auto token = reply.view().Find(AttributeType::kReservationToken);
  ASSERT_TRUE(token.has_value());
  server.Reload([](Policy& policy) { policy.draining = true; });
  TestClient second(server, At("20.1.1.1:40001"));
  EXPECT_EQ(
      second.Request(Allocate().Bytes(AttributeType::kReservationToken, token->value)).error(),
      508);
}

TEST(Redirect, AUTH_46_TheClientsFamilyComesFirst) {
  TestServer server = MakeServer({kOtherV6, kOther});
  EXPECT_EQ(AlternatesOf(TestClient(server).Allocate()), (std::vector{kOther, kOtherV6}));
  EXPECT_EQ(AlternatesOf(TestClient(server, kClientV6).Allocate()),
            (std::vector{kOtherV6, kOther}));
}

TEST(Redirect, AUTH_46_TheAddressIsNotXored) {
  TestServer server = MakeServer({kOther});
  const Reply reply = TestClient(server).Allocate();
  const auto value = reply.view().Find(AttributeType::kAlternateServer)->value;
  EXPECT_EQ(std::vector<std::uint8_t>(value.begin(), value.end()),
            (std::vector<std::uint8_t>{0, 1, 0x0d, 0x96, 198, 51, 100, 20}));
}

TEST(Redirect, AUTH_46_SeveralServersOfAFamilyAllGetClients) {
  TestServer server = MakeServer({kOther, kThird});
  std::set<base::Endpoint> seen;
  TestClient client(server);
  for (int i = 0; i < 64; ++i) seen.insert(AlternatesOf(client.Allocate()).at(0));
  EXPECT_EQ(seen, (std::set{kOther, kThird}));
}

TEST(Redirect, AUTH_47_TheDomainIsForThoseWhoCheckACertificateAndKnowTheAttribute) {
  TestServer server = MakeServer({kOther});
  int port = 1000;
  for (const auto transport : {base::Transport::kUdp, base::Transport::kTcp, base::Transport::kTls,
                               base::Transport::kDtls, base::Transport::kWss}) {
    const bool has_certificate =
        transport != base::Transport::kUdp && transport != base::Transport::kTcp;
    TestClient client(server, At("20.1.1.2:" + std::to_string(port++)), transport);
    const Reply modern = AllocateWithSha256(client);
    ASSERT_EQ(modern.error(), 300);
    EXPECT_EQ(modern.Text(AttributeType::kAlternateDomain), has_certificate ? kDomain : "");
    const Reply old = client.Allocate();
    ASSERT_EQ(old.error(), 300);
    EXPECT_FALSE(old.Has(AttributeType::kAlternateDomain));
  }
}

TEST(Redirect, AUTH_47_WithoutADomainThereIsNoAttribute) {
  TestServer server = MakeServer({kOther});
  server.Reload([](Policy& policy) { policy.redirect.domain.clear(); });
  TestClient client(server, kClient, base::Transport::kTls);
  const Reply reply = AllocateWithSha256(client);
  ASSERT_EQ(reply.error(), 300);
  EXPECT_FALSE(reply.Has(AttributeType::kAlternateDomain));
}

TEST(Redirect, AUTH_47_TheLongestDomainFits) {
  TestServer server = MakeServer({kOther, kOtherV6});
  server.Reload([](Policy& policy) { policy.redirect.domain = std::string(255, 'a'); });
  TestClient client(server, kClientV6, base::Transport::kWss);
  EXPECT_EQ(AllocateWithSha256(client).Text(AttributeType::kAlternateDomain).size(), 255u);
}

TEST(Redirect, MISC_03_AnAnycastAddressSendsToTheUnicastOneWhichServes) {
  const base::Endpoint anycast = At("203.0.113.1:3478");
  TestServer server = MakeServer({kServer}, false, When::kAlways);
  TestClient client(server);
  client.client.five_tuple.server = anycast;
  EXPECT_EQ(client.Send(Allocate()).error(), 401);
  EXPECT_EQ(AlternatesOf(client.Allocate()), std::vector{kServer});
  client.client.five_tuple.server = kServer;
  EXPECT_TRUE(client.Allocate().is_success());
}

TEST(Redirect, MISC_03_BehindNatTheExternalAddressIsTheOneThatWasAsked) {
  TestServer server([](TestServer::Options& options) {
    options.ledger.relay_addresses = {{Address("10.0.0.5"), kServer.address}};
    PeerPolicy::Rules rules;
    rules.relay_addresses = options.ledger.relay_addresses;
    options.policy.peers = PeerPolicy(rules);
    options.policy.redirect = {When::kAlways, {kServer}, {}};
  });
  TestClient client(server);
  client.client.five_tuple.server = At("10.0.0.5:3478");
  EXPECT_TRUE(client.Allocate().is_success());
}

TEST(Redirect, MISC_03_ServersThatNameEachOtherServe) {
  TestServer server = MakeServer({kServer, kOther}, false, When::kAlways);
  EXPECT_TRUE(TestClient(server).Allocate().is_success());
}

TEST(Redirect, ADrainingServerAmongTheOthersDoesNotNameItself) {
  TestServer server = MakeServer({kServer, kOther});
  TestClient client(server);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(AlternatesOf(client.Allocate()), std::vector{kOther});
  server.Reload([](Policy& policy) { policy.redirect.servers = {kServer}; });
  EXPECT_EQ(client.Allocate().error(), 508);
}

}  // namespace turn::redirect_test
