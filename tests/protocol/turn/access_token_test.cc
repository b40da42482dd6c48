#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/turn/token_validity.h"
#include "tests/protocol/turn/engine_fixture.h"

// Requests with access tokens (RFC 7635), all the way through the engine. What is inside a token is
// tested in tests/auth; here the server knows a list of them.
namespace turn::access_token_test {

using std::chrono::milliseconds;
using test_support::TurnMessage;

constexpr std::string_view kServerName = "turn.example.org";

TokenValidity Valid(seconds lifetime, seconds issued_after_start = seconds(0)) {
  return {TestServer::WallStart() + issued_after_start, lifetime};
}

// "one" and "two" are of one key, "three" of another; "short" lasts 100 s, "later" is of the
// future.
void TakeTokens(TestServer::Options& options) {
  options.token_server_name = kServerName;
  options.tokens = {
      {"token one", "north", "mac key of the first", Valid(seconds(3600))},
      {"token two", "north", "mac key of the other", Valid(seconds(3600))},
      {"token three", "south", "mac key of the third", Valid(seconds(3600))},
      {"token short", "north", "mac key of the short", Valid(seconds(100))},
      {"token later", "north", "mac key of the later", Valid(seconds(600), seconds(1800))},
  };
}

class TokenServer : public TestServer {
 public:
  TokenServer() : TestServer(TakeTokens) {}
  explicit TokenServer(const std::function<void(Options&)>& change)
      : TestServer([&](Options& options) {
          TakeTokens(options);
          change(options);
        }) {}
};

// A client with an access token. It sends it where RFC 7635 section 9 wants it.
class TokenClient : public TestClient {
 public:
  TokenClient(TestServer& server, std::string octets, std::string kid, std::string mac_key,
              const base::Endpoint& address = kClient)
      : TestClient(server, address) {
    Take(std::move(octets), std::move(kid), std::move(mac_key));
  }

  void Take(std::string octets, std::string kid, std::string mac_key) {
    token = std::move(octets);
    username = std::move(kid);
    key = std::move(mac_key);
  }
  void TakeTwo() { Take("token two", "north", "mac key of the other"); }

  Reply Ask(TurnMessage message, bool with_token) {
    if (with_token) message.Text(AttributeType::kAccessToken, token);
    Reply reply = Send(Name(std::move(message)).Sign(base::AsBytes(key)));
    return reply;
  }
  Reply Allocate(std::optional<std::uint32_t> lifetime = std::nullopt) {
    TurnMessage message = TurnMessage(Method::kAllocate).Udp();
    if (lifetime) message.U32(AttributeType::kLifetime, *lifetime);
    return Ask(message, true);
  }
  Reply Refresh(std::optional<std::uint32_t> lifetime = std::nullopt, bool with_token = true) {
    TurnMessage message(Method::kRefresh);
    if (lifetime) message.U32(AttributeType::kLifetime, *lifetime);
    return Ask(message, with_token);
  }
  Reply Permit(bool with_token = false) {
    return Ask(TurnMessage(Method::kCreatePermission).Peer(kPeer), with_token);
  }
  bool IsSigned(const Reply& reply) const {
    return stun::VerifyMessageIntegrity(reply.view(), base::AsBytes(key));
  }

  std::string token;
  std::string key;
};

TokenClient One(TestServer& server) {
  return {server, "token one", "north", "mac key of the first"};
}

TEST(TokenValidity, OAUTH_05_LastsItsLifetimeAndFiveSecondsInBothDirections) {
  const TokenValidity validity = Valid(seconds(10));
  const base::WallTime issued = validity.issued_at;
  EXPECT_EQ(validity.Remaining(issued), seconds(15));
  EXPECT_EQ(validity.Remaining(issued + seconds(9)), seconds(6));
  EXPECT_EQ(validity.Remaining(issued + seconds(15)), seconds(0));
  EXPECT_EQ(validity.Remaining(issued + seconds(20)), seconds(-5));
  EXPECT_EQ(validity.Remaining(issued - seconds(9)), seconds(6));
  EXPECT_EQ(validity.Remaining(issued - seconds(20)), seconds(-5));
}

TEST(AccessTokens, OAUTH_01_The401OffersThemWithTheServersName) {
  TokenServer server;
  const Reply reply = TestClient(server).Send(TurnMessage(Method::kAllocate).Udp());
  EXPECT_EQ(reply.error(), 401);
  EXPECT_EQ(reply.Text(AttributeType::kThirdPartyAuthorization), kServerName);
  EXPECT_LE(reply.octets.size(), 5U * 28U);
  TestServer without;
  EXPECT_FALSE(TestClient(without)
                   .Send(TurnMessage(Method::kAllocate).Udp())
                   .Has(AttributeType::kThirdPartyAuthorization));
}

TEST(AccessTokens, D1_ARequestWithoutAttributesIsChallengedWithoutTheOffer) {
  TokenServer server;
  const Reply reply = TestClient(server).Send(TurnMessage(Method::kAllocate));
  EXPECT_EQ(reply.error(), 401);
  EXPECT_FALSE(reply.Has(AttributeType::kThirdPartyAuthorization));
  EXPECT_LE(reply.octets.size(), 100U);
}

TEST(AccessTokens, OAUTH_02_WhereTheyWereNotOfferedItIs420) {
  TestServer server;
  TokenClient client = One(server);
  const Reply stranger = client.Allocate();
  EXPECT_EQ(stranger.error(), 420);
  EXPECT_EQ(stranger.unknown(), std::vector{AttributeType::kAccessToken});
  EXPECT_FALSE(stranger.Has(AttributeType::kMessageIntegrity));
  // A user that does exist, with the right password and with a wrong one.
  TestClient user(server, At("20.1.1.1:2"));
  const auto with_token = [] {
    return TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, "token one");
  };
  const Reply known = user.Request(with_token());
  EXPECT_EQ(known.error(), 420);
  EXPECT_TRUE(stun::VerifyMessageIntegrity(known.view(), user.Key()));
  EXPECT_EQ(user.Login("alice", "wrong").Request(with_token()).octets.size(),
            stranger.octets.size());
  // What was not even signed is asked for credentials first.
  EXPECT_EQ(user.Send(with_token()).error(), 401);
}

TEST(AccessTokens, OAUTH_03_UnknownKeysAndTokensAre401WithAnOffer) {
  TokenServer server;
  TokenClient client = One(server);
  client.username = "east";
  const Reply unknown = client.Allocate();
  EXPECT_EQ(unknown.error(), 401);
  EXPECT_EQ(unknown.Text(AttributeType::kThirdPartyAuthorization), kServerName);
  EXPECT_TRUE(unknown.Has(AttributeType::kNonce));
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kBadToken);
  client.username = "south";
  EXPECT_EQ(client.Allocate().error(), 401);
  client.username = "north";
  for (const char* octets : {"", "t", "token on", "token one."}) {
    client.token = octets;
    EXPECT_EQ(client.Allocate().error(), 401) << octets;
  }
}

TEST(AccessTokens, OAUTH_05_AnExpiredTokenAndOneOfTheFutureAre401) {
  TokenServer server;
  TokenClient later(server, "token later", "north", "mac key of the later", At("20.1.1.1:2"));
  EXPECT_EQ(later.Allocate().error(), 401);
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kExpired);
  server.Wait(seconds(1195));
  EXPECT_EQ(later.Allocate().error(), 401);
  server.Wait(milliseconds(1));
  EXPECT_TRUE(later.Allocate().is_success());

  TokenServer other;
  other.Wait(seconds(104));
  TokenClient client(other, "token short", "north", "mac key of the short");
  EXPECT_TRUE(client.Allocate().is_success());
  other.Wait(seconds(1));
  TokenClient late(other, "token short", "north", "mac key of the short", At("20.1.1.1:3"));
  const Reply reply = late.Allocate();
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(reply.Has(AttributeType::kNonce));
}

TEST(AccessTokens, OAUTH_05_ThereIsNoGraceForExpiredTokens) {
  TokenServer server([](TestServer::Options& options) {
    options.policy.expired_refresh = Policy::ExpiredRefresh::kGrace;
  });
  TokenClient client(server, "token short", "north", "mac key of the short");
  ASSERT_TRUE(client.Allocate().is_success());
  // The wall clock alone, so that the allocation is still there.
  server.now.wall += seconds(105);
  EXPECT_EQ(client.Refresh().error(), 401);
  EXPECT_EQ(client.Refresh(std::nullopt, false).error(), 401);
  EXPECT_EQ(client.Permit().error(), 401);
}

TEST(AccessTokens, OAUTH_06_OAUTH_08_TheMacKeyItselfSignsRequestAndResponse) {
  TokenServer server;
  TokenClient client = One(server);
  client.key = "mac key of the wrong";
  EXPECT_EQ(client.Allocate().error(), 401);
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kWrongIntegrity);
  client.key = "mac key of the first";
  const Reply reply = client.Allocate();
  ASSERT_TRUE(reply.is_success());
  EXPECT_TRUE(client.IsSigned(reply));
  EXPECT_FALSE(reply.Has(AttributeType::kMessageIntegritySha256));
  const Reply error = client.Allocate();
  EXPECT_EQ(error.error(), 437);
  EXPECT_TRUE(client.IsSigned(error));
}

TEST(AccessTokens, OAUTH_08_TheAnswerToSha256IsSha256) {
  TokenServer server;
  TokenClient client = One(server);
  TurnMessage request =
      TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, client.token);
  const Reply reply =
      client.Send(client.Name(std::move(request)).SignSha256(base::AsBytes(client.key)));
  ASSERT_TRUE(reply.is_success());
  EXPECT_TRUE(stun::VerifyMessageIntegritySha256(reply.view(), base::AsBytes(client.key)));
  EXPECT_FALSE(reply.Has(AttributeType::kMessageIntegrity));
}

TEST(AccessTokens, OAUTH_11_WhatTheLongTermMechanismWantsIsStillWanted) {
  TokenServer server;
  TokenClient client = One(server);
  client.Challenge();
  const auto signed_without = [&](AttributeType missing) {
    TurnMessage request =
        TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, client.token);
    if (missing != AttributeType::kUsername) request.Text(AttributeType::kUsername, "north");
    if (missing != AttributeType::kRealm) request.Text(AttributeType::kRealm, kRealm);
    if (missing != AttributeType::kNonce) request.Text(AttributeType::kNonce, client.nonce);
    return client.Send(request.Sign(base::AsBytes(client.key))).error();
  };
  EXPECT_EQ(signed_without(AttributeType::kUsername), 400);
  EXPECT_EQ(signed_without(AttributeType::kRealm), 400);
  EXPECT_EQ(signed_without(AttributeType::kNonce), 400);
  // A token without integrity proves nothing.
  const TurnMessage unsigned_request =
      TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, client.token);
  EXPECT_EQ(client.Send(unsigned_request).error(), 401);
  // A name that is a hash is no kid.
  TurnMessage hashed =
      TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, client.token);
  hashed.Bytes(AttributeType::kUserhash, stun::Userhash("north", kRealm));
  hashed.Text(AttributeType::kRealm, kRealm).Text(AttributeType::kNonce, client.nonce);
  EXPECT_EQ(client.Send(hashed.Sign(base::AsBytes(client.key))).error(), 401);
  // Another realm.
  TurnMessage elsewhere =
      TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, client.token);
  elsewhere.Text(AttributeType::kUsername, "north").Text(AttributeType::kRealm, "elsewhere");
  elsewhere.Text(AttributeType::kNonce, client.nonce);
  EXPECT_EQ(client.Send(elsewhere.Sign(base::AsBytes(client.key))).error(), 401);

  client.nonce = "a nonce of nobody";
  const Reply stale = client.Allocate();
  EXPECT_EQ(stale.error(), 438);
  EXPECT_FALSE(stale.Has(AttributeType::kThirdPartyAuthorization));
}

TEST(AccessTokens, OAUTH_09_NothingIsGrantedBeyondTheToken) {
  TokenServer server;
  TokenClient client(server, "token short", "north", "mac key of the short");
  EXPECT_EQ(client.Allocate().lifetime(), 105U);
  server.Wait(seconds(30));
  EXPECT_EQ(client.Refresh(3600).lifetime(), 75U);
  server.Wait(seconds(1) + milliseconds(1));
  EXPECT_EQ(client.Refresh(3600).lifetime(), 73U);
  // Without the token again, by what is known of it.
  EXPECT_EQ(client.Refresh(3600, false).lifetime(), 73U);
  server.Wait(seconds(73) + milliseconds(500));
  TokenClient late(server, "token short", "north", "mac key of the short", At("20.1.1.1:3"));
  EXPECT_EQ(late.Allocate().lifetime(), 1U) << "half a second is not nothing";
  EXPECT_EQ(server.engine.allocation_count(), 2U);
  server.WaitAndAdvance(seconds(2));
  EXPECT_EQ(server.engine.allocation_count(), 0U);
}

TEST(AccessTokens, OAUTH_09_ALongTokenChangesNoLifetime) {
  TokenServer server;
  TokenClient client = One(server);
  EXPECT_EQ(client.Allocate().lifetime(), 600U);
  EXPECT_EQ(client.Refresh(1200).lifetime(), 1200U);
  EXPECT_EQ(client.Refresh(7200).lifetime(), 3600U);
  EXPECT_EQ(client.Refresh(0).lifetime(), 0U);
  EXPECT_EQ(server.engine.allocation_count(), 0U);
}

TEST(AccessTokens, LaterRequestsNeedTheKeyOnly) {
  TokenServer server;
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  const Reply reply = client.Permit();
  EXPECT_TRUE(reply.is_success());
  EXPECT_TRUE(client.IsSigned(reply));
  EXPECT_TRUE(client.SendTo(kPeer));
  EXPECT_TRUE(client.Permit(true).is_success()) << "the token again, which clients should not send";
  client.key = "mac key of the wrong";
  EXPECT_EQ(client.Permit().error(), 401);
}

TEST(AccessTokens, TheKeyIsKnownOnItsOwn5TupleOnly) {
  TokenServer server;
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  TokenClient elsewhere(server, "token one", "north", "mac key of the first", At("20.1.1.1:2"));
  EXPECT_EQ(elsewhere.Permit().error(), 401);
  EXPECT_EQ(elsewhere.Permit(true).error(), 437);
}

TEST(AccessTokens, ARetransmissionGetsTheSameAllocationAndAnotherTokenDoesNot) {
  TokenServer server;
  TokenClient client = One(server);
  TurnMessage request =
      TurnMessage(Method::kAllocate).Udp().Text(AttributeType::kAccessToken, client.token);
  const stun::TransactionId id = request.transaction_id();
  const TurnMessage first = client.Name(std::move(request)).Sign(base::AsBytes(client.key));
  const Reply reply = client.Send(first);
  EXPECT_EQ(client.Send(first).relayed(), reply.relayed());
  client.TakeTwo();
  TurnMessage same_id = TurnMessage(Method::kAllocate).Udp().WithId(id);
  EXPECT_EQ(client.Ask(same_id, true).error(), 437);
}

TEST(AccessTokens, OnlyARefreshBringsANewToken) {
  TokenServer server;
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  client.TakeTwo();
  EXPECT_EQ(client.Permit(true).error(), 441);
  EXPECT_EQ(client.Permit().error(), 401) << "its key is not in force yet";
  const Reply reply = client.Refresh();
  EXPECT_TRUE(reply.is_success());
  EXPECT_TRUE(client.IsSigned(reply));
  EXPECT_TRUE(client.Permit().is_success());
  // The former key is not any more.
  client.Take("token one", "north", "mac key of the first");
  EXPECT_EQ(client.Permit().error(), 401);
  EXPECT_EQ(client.Permit(true).error(), 441);
}

TEST(AccessTokens, TheNewTokenMayBeOfAnotherKey) {
  TokenServer server;
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  client.Take("token three", "south", "mac key of the third");
  EXPECT_TRUE(client.Refresh().is_success());
  EXPECT_TRUE(client.Permit().is_success());
}

TEST(AccessTokens, OAUTH_09_ANewTokenLengthensAndAShortOneShortens) {
  TokenServer server;
  TokenClient client(server, "token short", "north", "mac key of the short");
  EXPECT_EQ(client.Allocate().lifetime(), 105U);
  client.TakeTwo();
  EXPECT_EQ(client.Refresh(1200).lifetime(), 1200U);
  client.Take("token short", "north", "mac key of the short");
  EXPECT_EQ(client.Refresh(1200).lifetime(), 105U);
}

TEST(AccessTokens, ARefusedRefreshBringsNoToken) {
  TokenServer server;
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  client.TakeTwo();
  TurnMessage wrong_family(Method::kRefresh);
  wrong_family.LeadingOctet(AttributeType::kRequestedAddressFamily, 2);
  EXPECT_EQ(client.Ask(wrong_family, true).error(), 443);
  client.Take("token one", "north", "mac key of the first");
  EXPECT_TRUE(client.Permit().is_success());
}

TEST(AccessTokens, UsersAndTokensDoNotTouchEachOthersAllocations) {
  TokenServer server([](TestServer::Options& options) {
    // The worst names: a user who is called like a key, another like the subject of a token.
    options.users = {{"north", "secret", "mac key of the first", "north"}};
  });
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  TestClient user(server);
  user.Login("north", "secret");
  EXPECT_EQ(user.Refresh().error(), 441);
  EXPECT_EQ(user.Permit(kPeer).error(), 441);
  EXPECT_TRUE(client.Permit().is_success()) << "a user of that name does not hide the key";

  const base::Endpoint other = At("20.1.1.1:2");
  TestClient user_with_allocation(server, other);
  ASSERT_TRUE(user_with_allocation.Login("north", "secret").Allocate().is_success());
  TokenClient with_token(server, "token one", "north", "mac key of the first", other);
  EXPECT_EQ(with_token.Refresh().error(), 441);
  EXPECT_EQ(with_token.Permit(true).error(), 441);
  EXPECT_EQ(with_token.Permit().error(), 401);
}

TEST(AccessTokens, AnAllocationStaysChargedToTheTokenThatMadeIt) {
  TokenServer server([](TestServer::Options& options) { options.ledger.allocations_per_user = 1; });
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  const auto try_one = [&] {
    return TokenClient(server, "token one", "north", "mac key of the first", At("20.1.1.1:2"))
        .Allocate()
        .error();
  };
  EXPECT_EQ(try_one(), 486);
  client.TakeTwo();
  ASSERT_TRUE(client.Refresh().is_success());
  EXPECT_EQ(try_one(), 486);
  TokenClient two(server, "token two", "north", "mac key of the other", At("20.1.1.1:3"));
  EXPECT_TRUE(two.Allocate().is_success());
  ASSERT_TRUE(client.Refresh(0).is_success());
  EXPECT_EQ(try_one(), 0);
}

TEST(AccessTokens, TokensOfOneKeyAreOneTenant) {
  TokenServer server(
      [](TestServer::Options& options) { options.ledger.allocations_per_tenant = 1; });
  ASSERT_TRUE(One(server).Allocate().is_success());
  TokenClient two(server, "token two", "north", "mac key of the other", At("20.1.1.1:2"));
  EXPECT_EQ(two.Allocate().error(), 486);
  TokenClient three(server, "token three", "south", "mac key of the third", At("20.1.1.1:3"));
  EXPECT_TRUE(three.Allocate().is_success());
}

TEST(AccessTokens, AnIndicationMayCarryOneInVain) {
  TokenServer server;
  TokenClient client = One(server);
  ASSERT_TRUE(client.Allocate().is_success());
  ASSERT_TRUE(client.Permit().is_success());
  EXPECT_TRUE(client.SendIndication(TurnMessage(Method::kSend, stun::MessageClass::kIndication)
                                        .Peer(kPeer)
                                        .Text(AttributeType::kData, "data")
                                        .Text(AttributeType::kAccessToken, client.token)));
}

}  // namespace turn::access_token_test
