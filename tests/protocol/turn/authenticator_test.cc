#include <gtest/gtest.h>

#include <set>

#include "protocol/base/crypto.h"
#include "protocol/turn/authenticator.h"
#include "tests/protocol/turn/engine_fixture.h"

namespace turn::authenticator_test {

TurnMessage Allocate() { return TurnMessage(Method::kAllocate).Udp(); }
TurnMessage Refresh() { return TurnMessage(Method::kRefresh); }
TurnMessage& OfferBack(TurnMessage& message) {
  return message.Bytes(AttributeType::kPasswordAlgorithms, kOfferedPasswordAlgorithms);
}
TurnMessage& Choose(TurnMessage& message, std::uint16_t algorithm) {
  return message.U32(AttributeType::kPasswordAlgorithm, std::uint32_t{algorithm} << 16);
}
bool HasChallenge(const Reply& reply) {
  return reply.Has(AttributeType::kRealm) && reply.Has(AttributeType::kNonce);
}
bool NamesNobody(const Reply& reply) {
  return !reply.Has(AttributeType::kUsername) && !reply.Has(AttributeType::kUserhash) &&
         !reply.Has(AttributeType::kMessageIntegrity) &&
         !reply.Has(AttributeType::kMessageIntegritySha256);
}

TEST(Authenticator, AUTH_01_WithoutIntegrityItIs401WithAChallenge) {
  TestServer server;
  const Reply reply = TestClient(server).Send(Allocate());
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(HasChallenge(reply));
  EXPECT_TRUE(NamesNobody(reply));
  EXPECT_EQ(reply.Text(AttributeType::kRealm), kRealm);
  EXPECT_EQ(server.effects.authentication_failures, std::vector{AuthFailure::kMissing});
}

TEST(Authenticator, D1_TheChallengeToTheShortestAllocateIsUnderFiveTimesAsLong) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.realm = "turn.senso.cloud"; });
  EXPECT_LE(TestClient(server).Send(TurnMessage(Method::kAllocate)).octets.size(), 100u);
}

TEST(Authenticator, D1_ARequestThatIsTooShortForItsChallengeGetsNone) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.realm = std::string(21, 'r'); });
  TestClient client(server);
  EXPECT_TRUE(client.Send(TurnMessage(Method::kRefresh)).is_silence());
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kRateLimited});
  // A real one has at least REQUESTED-TRANSPORT.
  EXPECT_EQ(client.Send(Allocate()).error(), 401);
}

TEST(Authenticator, D1_TheChallengeToARealAllocateIsUnderFiveTimesAsLongWithEveryUsualRealm) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.realm = std::string(60, 'r'); });
  EXPECT_LE(TestClient(server).Send(Allocate()).octets.size(), 5u * (20 + 8));
}

TEST(Authenticator, AUTH_02_AUTH_03_TheNonceStartsWithTheCookieAndTheFeatureBits) {
  const auto first_chars = [](bool algorithms, bool anonymity) {
    TestServer server([&](TestServer::Options& options) {
      options.policy.password_algorithms = algorithms;
      options.policy.username_anonymity = anonymity;
    });
    return TestClient(server).Challenge().substr(0, 13);
  };
  EXPECT_EQ(first_chars(false, false), "obMatJos2AAAA");
  EXPECT_EQ(first_chars(true, false), "obMatJos2gAAA");
  EXPECT_EQ(first_chars(false, true), "obMatJos2QAAA");
  EXPECT_EQ(first_chars(true, true), "obMatJos2wAAA");
}

TEST(Authenticator, AUTH_31_PasswordAlgorithmsGoWithTheFeatureBit) {
  TestServer on;
  const Reply with = TestClient(on).Send(Allocate());
  const auto list = with.view().Find(AttributeType::kPasswordAlgorithms)->value;
  EXPECT_TRUE(std::ranges::equal(list, std::array<std::uint8_t, 8>{0, 2, 0, 0, 0, 1, 0, 0}));
  TestServer off([](TestServer::Options& options) { options.policy.password_algorithms = false; });
  EXPECT_FALSE(TestClient(off).Send(Allocate()).Has(AttributeType::kPasswordAlgorithms));
}

TEST(Authenticator, AUTH_04_TwoPortsGetTwoNonces) {
  TestServer server;
  EXPECT_NE(TestClient(server, At("20.1.1.1:1")).Challenge(),
            TestClient(server, At("20.1.1.1:2")).Challenge());
}

TEST(Authenticator, AUTH_05_C8_B50_ANonceOfAnotherPortIs438WithANewOne) {
  TestServer server;
  TestClient first(server, At("20.1.1.1:1"));
  TestClient second(server, At("20.1.1.1:2"));
  second.nonce = first.Challenge();
  const Reply reply = second.Allocate();
  EXPECT_EQ(reply.error(), 438);
  EXPECT_TRUE(HasChallenge(reply));
  EXPECT_NE(reply.Text(AttributeType::kNonce), second.nonce);
}

TEST(Authenticator, AUTH_06_RealmAndNonceAreShortAndNeedNoQuotes) {
  TestServer server;
  const Reply reply = TestClient(server).Send(Allocate());
  for (const AttributeType type : {AttributeType::kRealm, AttributeType::kNonce}) {
    const std::string text = reply.Text(type);
    EXPECT_LT(text.size(), 128u);
    EXPECT_EQ(text.find_first_of("\"\\"), std::string::npos);
  }
}

TEST(Authenticator, AUTH_07_AUTH_08_AUTH_09_IntegrityWithoutNameRealmOrNonceIs400AndBare) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  for (const AttributeType missing :
       {AttributeType::kUsername, AttributeType::kRealm, AttributeType::kNonce}) {
    for (const bool sha256 : {false, true}) {
      TurnMessage request = Allocate();
      if (missing != AttributeType::kUsername) request.Text(AttributeType::kUsername, "alice");
      if (missing != AttributeType::kRealm) request.Text(AttributeType::kRealm, kRealm);
      if (missing != AttributeType::kNonce) request.Text(AttributeType::kNonce, client.nonce);
      const Reply reply =
          client.Send(sha256 ? request.SignSha256(client.Key()) : request.Sign(client.Key()));
      EXPECT_EQ(reply.error(), 400);
      EXPECT_FALSE(reply.Has(AttributeType::kRealm));
      EXPECT_FALSE(reply.Has(AttributeType::kNonce));
      EXPECT_TRUE(NamesNobody(reply));
    }
  }
}

TEST(Authenticator, AUTH_10_AUTH_11_AUTH_12_UnknownUserAndWrongPasswordLookAlike) {
  TestServer server;
  TestClient unknown(server);
  const Reply first = unknown.Login("nobody", "secret-a").Allocate();
  TestClient wrong(server);
  const Reply second = wrong.Login("alice", "wrong").Allocate();
  for (const Reply* reply : {&first, &second}) {
    EXPECT_EQ(reply->error(), 401);
    EXPECT_TRUE(HasChallenge(*reply));
    EXPECT_TRUE(reply->Has(AttributeType::kPasswordAlgorithms));
    EXPECT_TRUE(NamesNobody(*reply));
  }
  EXPECT_EQ(first.octets.size(), second.octets.size());
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kWrongIntegrity);
}

TEST(Authenticator, AUTH_11_OneFlippedBitOfTheIntegrityIs401) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = client.Sign(Allocate());
  request.octets().back() ^= 1;
  EXPECT_EQ(client.Send(request).error(), 401);
}

TEST(Authenticator, AUTH_13_AUTH_14_AStaleNonceIs438AndTheNewOneWorks) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.nonce_lifetime = seconds(5); });
  TestClient client(server);
  client.Challenge();
  server.Wait(seconds(4));
  EXPECT_TRUE(client.Allocate().is_success());
  server.Wait(seconds(1));
  const Reply reply = client.Refresh();
  EXPECT_EQ(reply.error(), 438);
  EXPECT_TRUE(HasChallenge(reply));
  EXPECT_TRUE(reply.Has(AttributeType::kPasswordAlgorithms));
  EXPECT_FALSE(reply.Has(AttributeType::kUsername));
  client.nonce = reply.Text(AttributeType::kNonce);
  EXPECT_TRUE(client.Refresh().is_success());
}

TEST(Authenticator, AUTH_17_ANonceEndsWithinAnHour) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  server.Wait(seconds(3599));
  EXPECT_TRUE(client.Allocate().is_success());
  server.Wait(seconds(1));
  EXPECT_EQ(client.Refresh().error(), 438);
}

TEST(Authenticator, AUTH_15_X4_AStaleNonceWithAWrongPasswordIs401) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  server.Wait(seconds(3600));
  client.Login("alice", "wrong");
  EXPECT_EQ(client.Allocate().error(), 401);
}

TEST(Authenticator, AUTH_16_B49_AnEditedNonceIs438) {
  TestServer server;
  TestClient client(server);
  const std::string nonce = client.Challenge();
  const std::vector<std::string> edited = {"",
                                           "x",
                                           nonce + "x",
                                           nonce.substr(1),
                                           std::string(764, 'n'),
                                           "obMatJos2AAAA" + nonce.substr(13),
                                           "OBMATJOS2" + nonce.substr(9),
                                           nonce.substr(0, 13) + std::string(20, 'A'),
                                           nonce.substr(0, 13) + std::string(20, '=')};
  for (const std::string& each : edited) {
    client.nonce = each;
    TurnMessage request = Allocate();
    request.Text(AttributeType::kUsername, "alice")
        .Text(AttributeType::kRealm, kRealm)
        .Text(AttributeType::kNonce, each)
        .Sign(client.Key());
    EXPECT_EQ(client.Send(request).error(), 438) << each;
  }
}

TEST(Authenticator, AUTH_18_FirstNoncesAreAllDifferent) {
  TestServer server;
  std::set<std::string> nonces;
  for (std::uint16_t i = 1; i <= 100; ++i)
    nonces.insert(TestClient(server, {kClient.address, i}).Challenge());
  EXPECT_EQ(nonces.size(), 100u);
}

TEST(Authenticator, AUTH_19_SuccessCarriesIntegrityOfTheSameKeyAndNoNames) {
  TestServer server;
  TestClient client(server);
  for (const Reply& reply :
       {client.Allocate(), client.Refresh(), client.Permit(kPeer), client.Bind(0x4000, kPeer)}) {
    ASSERT_TRUE(reply.is_success());
    EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key()));
    EXPECT_FALSE(reply.Has(AttributeType::kRealm));
    EXPECT_FALSE(reply.Has(AttributeType::kNonce));
    EXPECT_FALSE(reply.Has(AttributeType::kUsername));
    EXPECT_FALSE(reply.Has(AttributeType::kMessageIntegritySha256));
  }
}

TEST(Authenticator, AUTH_20_STUN_20_ErrorsAfterAuthenticationCarryIntegrityAndAReason) {
  TestServer server;
  TestClient client(server);
  std::vector<Reply> replies = {
      client.Refresh(),                                // 437
      client.Request(TurnMessage(Method::kAllocate)),  // 400
      client.Request(Allocate().U32(static_cast<AttributeType>(0x7f00), 0)),
      client.Request(Allocate().LeadingOctet(AttributeType::kRequestedAddressFamily, 3)),  // 440
      client.Request(
          TurnMessage(Method::kAllocate).LeadingOctet(AttributeType::kRequestedTransport, 6))};
  client.Allocate();
  replies.push_back(client.Permit(At("10.0.0.1:1")));  // 403
  replies.push_back(client.Permit(kPeerV6));           // 443
  for (const Reply& reply : replies) {
    EXPECT_NE(reply.error(), 0);
    EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key())) << reply.error();
    EXPECT_FALSE(
        stun::DecodeErrorCode(reply.view().Find(AttributeType::kErrorCode)->value)->reason.empty());
  }
}

TEST(Authenticator, AUTH_20_A441IsSignedWithTheKeyOfWhoAsked) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Login("bob", "secret-b");
  const Reply reply = client.Refresh();
  EXPECT_EQ(reply.error(), 441);
  EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key()));
}

TEST(Authenticator, AUTH_21_C6_B39_B40_AttributesBehindTheIntegrityAreIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Send(client.Sign(Refresh()).U32(AttributeType::kLifetime, 0)).lifetime(), 600u);
  EXPECT_TRUE(
      client.Send(client.Sign(Refresh()).U32(static_cast<AttributeType>(0x7f00), 0)).is_success());
  EXPECT_EQ(server.engine.allocation_count(), 1u);
}

TEST(Authenticator, AUTH_22_AttributesBehindTheSha256IntegrityAreIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const auto signed_refresh = [&] { return client.Name(Refresh()).SignSha256(client.Key()); };
  EXPECT_EQ(client.Send(signed_refresh().U32(AttributeType::kLifetime, 0)).lifetime(), 600u);
  EXPECT_TRUE(
      client.Send(signed_refresh().U32(static_cast<AttributeType>(0x7f00), 0)).is_success());
}

TEST(Authenticator, AUTH_23_TURN_47_IntegrityAndFingerprintTogetherAreAccepted) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(client.Sign(Allocate()).Fingerprint());
  ASSERT_TRUE(reply.is_success());
  EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key()));
  EXPECT_EQ(stun::CheckFingerprint(reply.view()), stun::FingerprintCheck::kGood);
  for (TurnMessage request : {Refresh(), TurnMessage(Method::kCreatePermission).Peer(kPeer),
                              TurnMessage(Method::kChannelBind).Channel(0x4000).Peer(kPeer)})
    EXPECT_TRUE(client.Send(client.Sign(request).Fingerprint()).is_success());
}

TEST(Authenticator, AUTH_24_B36_IntegrityOfAnotherLengthNeverPasses) {
  TestServer server;
  TestClient client(server);
  for (const std::size_t length : {0u, 4u, 19u, 21u, 24u, 32u}) {
    TurnMessage request = client.Sign(Allocate());
    std::vector<std::uint8_t> mac(request.octets().end() - 20, request.octets().end());
    mac.resize(length);
    TurnMessage forged = client.Name(Allocate().WithId(request.transaction_id()));
    EXPECT_EQ(client.Send(forged.Bytes(AttributeType::kMessageIntegrity, mac)).error(), 401)
        << length;
  }
}

TEST(Authenticator, AUTH_25_AUTH_27_Sha256IntegrityAloneIsAcceptedAndALegacyAnswerGiven) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(client.Name(Allocate()).SignSha256(client.Key()));
  ASSERT_TRUE(reply.is_success());
  EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key()));
  EXPECT_FALSE(reply.Has(AttributeType::kMessageIntegritySha256));
}

TEST(Authenticator, AUTH_26_B42_TheSha256IntegrityDecides) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = client.Sign(Allocate()).SignSha256(client.Key());
  request.octets().back() ^= 1;
  EXPECT_EQ(client.Send(request).error(), 401);
}

TEST(Authenticator, AUTH_28_AUTH_29_B41_TruncatedSha256IntegrityNeverPasses) {
  TestServer server;
  TestClient client(server);
  for (const std::size_t length : {0u, 12u, 16u, 18u, 20u, 28u, 36u}) {
    TurnMessage request = client.Name(Allocate()).SignSha256(client.Key());
    std::vector<std::uint8_t> mac(request.octets().end() - 32, request.octets().end());
    mac.resize(length);
    TurnMessage cut = client.Name(Allocate().WithId(request.transaction_id()));
    EXPECT_EQ(client.Send(cut.Bytes(AttributeType::kMessageIntegritySha256, mac)).error(), 401);
  }
}

TEST(Authenticator, B37_ANameBehindTheIntegrityIsNoName) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  TurnMessage request = Allocate();
  request.Zeros(AttributeType::kMessageIntegrity, 20);
  EXPECT_EQ(client.Send(client.Name(request)).error(), 400);
}

TEST(Authenticator, B38_OfTwoIntegritiesTheFirstCounts) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = client.Name(Allocate()).Zeros(AttributeType::kMessageIntegrity, 20);
  EXPECT_EQ(client.Send(request.Sign(client.Key())).error(), 401);
}

TEST(Authenticator, AUTH_32_AUTH_27_TheFullMechanismWithSha256) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = client.Name(Allocate());
  Choose(OfferBack(request), 2);
  const Reply reply = client.Send(request.SignSha256(client.KeySha256()));
  ASSERT_TRUE(reply.is_success());
  EXPECT_TRUE(stun::VerifyMessageIntegritySha256(reply.view(), client.KeySha256()));
  EXPECT_FALSE(reply.Has(AttributeType::kMessageIntegrity));
}

TEST(Authenticator, AUTH_27_TheFullMechanismWithMd5) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = client.Name(Allocate());
  Choose(OfferBack(request), 1);
  const Reply reply = client.Send(request.SignSha256(client.Key()));
  ASSERT_TRUE(reply.is_success());
  EXPECT_TRUE(stun::VerifyMessageIntegritySha256(reply.view(), client.Key()));
}

TEST(Authenticator, AUTH_33_AClientOfRfc5389IsServed) {
  TestServer server;
  EXPECT_TRUE(TestClient(server).Allocate().is_success());
}

TEST(Authenticator, AUTH_34_AUTH_35_OneOfThePairOfAlgorithmAttributesIs400) {
  TestServer server;
  TestClient client(server);
  TurnMessage chosen = client.Name(Allocate());
  EXPECT_EQ(client.Send(Choose(chosen, 2).SignSha256(client.KeySha256())).error(), 400);
  TurnMessage offered = client.Name(Allocate());
  EXPECT_EQ(client.Send(OfferBack(offered).SignSha256(client.KeySha256())).error(), 400);
}

TEST(Authenticator, AUTH_36_C7_B52_AChangedListOfAlgorithmsIs400) {
  TestServer server;
  TestClient client(server);
  const std::vector<std::vector<std::uint8_t>> changed = {
      {0, 1, 0, 0}, {0, 1, 0, 0, 0, 2, 0, 0},           {0, 2, 0, 4}, {0},
      {},           std::vector<std::uint8_t>(40000, 0)};
  for (const std::vector<std::uint8_t>& list : changed) {
    TurnMessage request = client.Name(Allocate());
    request.Bytes(AttributeType::kPasswordAlgorithms, list);
    const Reply reply = client.Send(Choose(request, 1).SignSha256(client.Key()));
    EXPECT_EQ(reply.error(), 400);
    EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kBidDown);
  }
}

TEST(Authenticator, AUTH_37_B53_AnAlgorithmThatWasNotOfferedIs400) {
  TestServer server;
  TestClient client(server);
  for (const std::uint32_t value : {0x00000000u, 0x00030000u, 0xffff0000u, 0x00020004u}) {
    TurnMessage request = client.Name(Allocate());
    OfferBack(request).U32(AttributeType::kPasswordAlgorithm, value);
    EXPECT_EQ(client.Send(request.SignSha256(client.Key())).error(), 400) << value;
  }
}

TEST(Authenticator, AUTH_16_C7_ClearedFeatureBitsDoNotHelp) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  client.nonce = "obMatJos2AAAA" + client.nonce.substr(13);
  EXPECT_EQ(client.Allocate().error(), 438);
}

TurnMessage WithUserhash(TestClient& client, TurnMessage message, std::string_view username) {
  if (client.nonce.empty()) client.Challenge();
  return message.Bytes(AttributeType::kUserhash, stun::Userhash(username, kRealm))
      .Text(AttributeType::kRealm, kRealm)
      .Text(AttributeType::kNonce, client.nonce);
}

TEST(Authenticator, AUTH_38_AUserhashNamesTheUser) {
  TestServer server;
  TestClient client(server);
  EXPECT_TRUE(
      client.Send(WithUserhash(client, Allocate(), "alice").Sign(client.Key())).is_success());
  EXPECT_TRUE(client.Refresh().is_success());
}

TEST(Authenticator, AUTH_39_AnUnknownUserhashIs401) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(WithUserhash(client, Allocate(), "nobody").Sign(client.Key()));
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(HasChallenge(reply));
}

TEST(Authenticator, AUTH_40_B54_AUserhashOfAnotherLengthOrUserIs401) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  for (const std::size_t length : {0u, 31u, 33u}) {
    TurnMessage request = Allocate().Zeros(AttributeType::kUserhash, length);
    request.Text(AttributeType::kRealm, kRealm).Text(AttributeType::kNonce, client.nonce);
    EXPECT_EQ(client.Send(request.Sign(client.Key())).error(), 401);
  }
  TurnMessage both = Allocate().Bytes(AttributeType::kUserhash, stun::Userhash("bob", kRealm));
  EXPECT_EQ(client.Request(both).error(), 401);
  TurnMessage agreeing =
      Allocate().Bytes(AttributeType::kUserhash, stun::Userhash("alice", kRealm));
  EXPECT_TRUE(client.Request(agreeing).is_success());
}

TEST(Authenticator, AUTH_38_AOneTimeNameIsKnownByItsUserhashOnItsOwnAllocation) {
  TestServer server([](TestServer::Options& options) {
    options.users = {{"1:x", "p", "dave", "", std::nullopt, false}};
  });
  TestClient client(server);
  client.Login("1:x", "p");
  EXPECT_EQ(client.Send(WithUserhash(client, Allocate(), "1:x").Sign(client.Key())).error(), 401);
  client.Allocate();
  EXPECT_TRUE(client.Send(WithUserhash(client, Refresh(), "1:x").Sign(client.Key())).is_success());
}

TEST(Authenticator, AUTH_41_B45_B46_B47_StrangeNamesAreAnOrderly401Or400) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  for (const std::string& name : {std::string(), std::string(763, 'x'), std::string("a\0b", 3),
                                  std::string("%s%n%x\n\x1b[2J"), std::string("'; DROP TABLE"),
                                  std::string("\xc0\x80\xed\xa0\x80\xf8")}) {
    EXPECT_EQ(client.Login(name, "p").Allocate().error(), 401);
  }
  EXPECT_EQ(client.Login(std::string(764, 'x'), "p").Allocate().error(), 400);
  EXPECT_EQ(client.Login(std::string(65000, 'x'), "p").Allocate().error(), 400);
}

TEST(Authenticator, AUTH_43_B48_AnotherRealmIs401WithOurOwn) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  for (const std::string& realm : {std::string(), std::string("evil"), std::string(764, 'r')}) {
    TurnMessage request = Allocate();
    request.Text(AttributeType::kUsername, "alice")
        .Text(AttributeType::kRealm, realm)
        .Text(AttributeType::kNonce, client.nonce);
    const Reply reply = client.Send(request.Sign(client.Key()));
    EXPECT_EQ(reply.error(), 401);
    EXPECT_EQ(reply.Text(AttributeType::kRealm), kRealm);
  }
}

TEST(Authenticator, EachOfSeveralSecretsIsTried) {
  TestServer server([](TestServer::Options& options) {
    options.users = {{"x", "old", "dave"}, {"x", "new", "dave"}};
  });
  EXPECT_TRUE(TestClient(server, At("20.1.1.1:1")).Login("x", "old").Allocate().is_success());
  EXPECT_TRUE(TestClient(server, At("20.1.1.1:2")).Login("x", "new").Allocate().is_success());
  EXPECT_EQ(TestClient(server, At("20.1.1.1:3")).Login("x", "none").Allocate().error(), 401);
}

TEST(Authenticator, AUTH_42_NamesAreAnyUtf8) {
  const std::string name = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9";
  TestServer server([&](TestServer::Options& options) { options.users = {{name, "p", "m"}}; });
  EXPECT_TRUE(TestClient(server).Login(name, "p").Allocate().is_success());
}

TEST(Authenticator, ARemovedUserCannotGoOn) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  server.SetUsers({{"bob", "secret-b", "bob"}});
  EXPECT_EQ(client.Refresh().error(), 401);
}

TEST(Authenticator, A438IsAnAnswerToAStrangerAndSmall) {
  TestServer server;
  TestClient client(server);
  client.Challenge();
  server.Wait(seconds(3600));
  const Reply reply = client.Allocate();
  EXPECT_FALSE(reply.Has(AttributeType::kSoftware));
  EXPECT_LE(reply.octets.size(), 100u);
}

}  // namespace turn::authenticator_test
