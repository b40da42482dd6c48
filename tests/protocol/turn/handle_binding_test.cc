#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::handle_binding_test {

// A Binding request of RFC 3489: no cookie, so that all 16 octets are the ID.
std::vector<std::uint8_t> ClassicBinding(std::vector<std::uint8_t> body = {}) {
  std::vector<std::uint8_t> octets = {0, 1, 0, static_cast<std::uint8_t>(body.size())};
  for (std::uint8_t i = 0; i < 16; ++i) octets.push_back(static_cast<std::uint8_t>(0xa0 + i));
  octets.insert(octets.end(), body.begin(), body.end());
  return octets;
}

stun::MessageView ParseClassicReply(const Reply& reply) {
  // The type is a response, which ParseClassic does not take: put the cookie in.
  static std::vector<std::uint8_t> octets;
  octets = reply.octets;
  octets[4] = 0x21, octets[5] = 0x12, octets[6] = 0xa4, octets[7] = 0x42;
  return *stun::MessageView::Parse(octets);
}

TEST(HandleBinding, STUN_21_TheAnswerSaysWhereTheRequestCameFrom) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(TurnMessage(Method::kBinding));
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(reply.Endpoints(AttributeType::kXorMappedAddress), std::vector{kClient});
}

TEST(HandleBinding, STUN_22_OverAStreamItIsTheRemoteAddressOfTheConnection) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTls);
  const Reply reply = client.Send(TurnMessage(Method::kBinding));
  EXPECT_EQ(reply.Endpoints(AttributeType::kXorMappedAddress), std::vector{kClient});
}

TEST(HandleBinding, STUN_23_AnIpv4AddressIsXoredWithTheCookie) {
  TestServer server;
  TestClient client(server, At("192.0.2.1:32853"));
  const Reply reply = client.Send(TurnMessage(Method::kBinding));
  const auto value = reply.view().Find(AttributeType::kXorMappedAddress)->value;
  EXPECT_EQ(std::vector<std::uint8_t>(value.begin(), value.end()),
            (std::vector<std::uint8_t>{0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43}));
}

TEST(HandleBinding, STUN_24_AnIpv6AddressIsXoredWithTheTransactionIdToo) {
  TestServer server;
  TestClient client(server, kClientV6);
  const Reply first = client.Send(TurnMessage(Method::kBinding));
  const Reply second = client.Send(TurnMessage(Method::kBinding));
  const auto first_value = first.view().Find(AttributeType::kXorMappedAddress)->value;
  const auto second_value = second.view().Find(AttributeType::kXorMappedAddress)->value;
  EXPECT_EQ(first_value.size(), 20u);
  EXPECT_EQ(first_value[1], 2);
  EXPECT_FALSE(std::ranges::equal(first_value, second_value));
  EXPECT_EQ(first.Endpoints(AttributeType::kXorMappedAddress), std::vector{kClientV6});
}

TEST(HandleBinding, STUN_25_AnIpv4ClientOfADualStackSocketIsReportedAsIpv4) {
  TestServer server;
  TestClient client(server, At("[::ffff:20.1.1.1]:40000"));
  const Reply reply = client.Send(TurnMessage(Method::kBinding));
  const auto value = reply.view().Find(AttributeType::kXorMappedAddress)->value;
  EXPECT_EQ(value.size(), 8u);
  EXPECT_EQ(value[1], 1);
}

TEST(HandleBinding, STUN_08_STUN_09_TheAnswerHasTheTransactionIdAndTheMethodOfTheRequest) {
  TestServer server;
  TestClient client(server);
  for (int i = 0; i < 100; ++i) {
    const TurnMessage request(Method::kBinding);
    const Reply reply = client.Send(request);
    EXPECT_EQ(reply.view().transaction_id(), request.transaction_id());
    EXPECT_EQ(reply.view().method(), Method::kBinding);
  }
}

TEST(HandleBinding, STUN_13_UnknownOptionalAttributesAreIgnored) {
  TestServer server;
  TestClient client(server);
  TurnMessage request(Method::kBinding);
  request.U32(static_cast<AttributeType>(0xfff0), 1);
  EXPECT_TRUE(client.Send(request).is_success());
}

TEST(HandleBinding, STUN_14_STUN_20_AnUnknownRequiredAttributeIs420AndIsNamed) {
  TestServer server;
  TestClient client(server);
  TurnMessage request(Method::kBinding);
  request.U32(static_cast<AttributeType>(0x7f00), 0);
  const Reply reply = client.Send(request);
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown(), std::vector{static_cast<AttributeType>(0x7f00)});
  const auto code = reply.view().Find(AttributeType::kErrorCode)->value;
  EXPECT_EQ(std::vector<std::uint8_t>(code.begin(), code.begin() + 4),
            (std::vector<std::uint8_t>{0, 0, 4, 20}));
}

TEST(HandleBinding, STUN_15_AllUnknownRequiredAttributesAreListedWithZeroPadding) {
  TestServer server;
  TestClient client(server);
  TurnMessage request(Method::kBinding);
  for (const int type : {0x7f00, 0x7f01, 0x7f02}) request.U32(static_cast<AttributeType>(type), 0);
  const Reply reply = client.Send(request);
  const auto list = reply.view().Find(AttributeType::kUnknownAttributes);
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->value.size(), 6u);
  EXPECT_EQ(reply.octets[list->offset + 10], 0);
  EXPECT_EQ(reply.octets[list->offset + 11], 0);
}

TEST(HandleBinding, AnAttackersLongListOfUnknownAttributesIsCut) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  TurnMessage request(Method::kBinding);
  for (int type = 0x6000; type < 0x7000; ++type) request.Zeros(static_cast<AttributeType>(type), 0);
  const Reply reply = client.Send(request);
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown().size(), 64u);
}

TEST(HandleBinding, STUN_17_KnownAttributesThatDoNotBelongAreIgnored) {
  TestServer server;
  TestClient client(server);
  TurnMessage request(Method::kBinding);
  request.U32(AttributeType::kLifetime, 1).Channel(0x4000).Peer(kPeer);
  request.Zeros(AttributeType::kMappedAddress, 8).Zeros(AttributeType::kErrorCode, 4);
  EXPECT_TRUE(client.Send(request).is_success());
}

TEST(HandleBinding, STUN_31_NobodyIsAskedForCredentials) {
  TestServer server;
  TestClient client(server);
  TurnMessage request(Method::kBinding);
  request.Text(AttributeType::kUsername, "nobody").Zeros(AttributeType::kMessageIntegrity, 20);
  EXPECT_TRUE(client.Send(request).is_success());
}

TEST(HandleBinding, STUN_32_NobodyIsAskedForAFingerprint) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(TurnMessage(Method::kBinding));
  EXPECT_TRUE(reply.is_success());
  EXPECT_FALSE(reply.Has(AttributeType::kFingerprint));
}

TEST(HandleBinding, STUN_34_WhoSendsAFingerprintGetsOneAsTheLastAttribute) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(TurnMessage(Method::kBinding).Fingerprint());
  EXPECT_EQ(stun::CheckFingerprint(reply.view()), stun::FingerprintCheck::kGood);
}

TEST(HandleBinding, STUN_33_AWrongFingerprintMeansSilence) {
  TestServer server;
  TestClient client(server);
  TurnMessage request = TurnMessage(Method::kBinding).Fingerprint();
  request.octets().back() ^= 1;
  EXPECT_TRUE(client.Send(request).is_silence());
  EXPECT_EQ(server.effects.CountDrops(DropReason::kBadFingerprint), 1u);
}

TEST(HandleBinding, STUN_39_TwoIdenticalRequestsGetIdenticalAnswers) {
  TestServer server;
  TestClient client(server);
  const TurnMessage request(Method::kBinding);
  EXPECT_EQ(client.Send(request).octets, client.Send(request).octets);
}

TEST(HandleBinding, STUN_35_SoftwareIsKeptFromStrangersUnlessThePolicySaysAlways) {
  TestServer quiet;
  EXPECT_FALSE(TestClient(quiet).Send(TurnMessage(Method::kBinding)).Has(AttributeType::kSoftware));
  TestServer talkative([](TestServer::Options& options) {
    options.policy.software_attribute = Policy::SoftwareAttribute::kAlways;
  });
  EXPECT_EQ(
      TestClient(talkative).Send(TurnMessage(Method::kBinding)).Text(AttributeType::kSoftware),
      "test-server");
}

TEST(HandleBinding, NBD_02_ChangeRequestIs420AndOtherAddressIsNeverSent) {
  TestServer server;
  TestClient client(server);
  TurnMessage request(Method::kBinding);
  request.U32(AttributeType::kChangeRequest, 6);
  const Reply reply = client.Send(request);
  EXPECT_EQ(reply.error(), 420);
  EXPECT_EQ(reply.unknown(), std::vector{AttributeType::kChangeRequest});
  EXPECT_FALSE(reply.Has(AttributeType::kOtherAddress));
}

TEST(HandleBinding, NBD_09_ResponsePortAndPaddingAre420) {
  TestServer server;
  TestClient client(server);
  TurnMessage port(Method::kBinding);
  EXPECT_EQ(client.Send(port.U32(AttributeType::kResponsePort, 0)).error(), 420);
  TurnMessage padding(Method::kBinding);
  EXPECT_EQ(client.Send(padding.Zeros(AttributeType::kPadding, 1000)).error(), 420);
}

TEST(HandleBinding, STUN_44_AClassicRequestIsAnsweredWithAPlainAddressAndItsSixteenOctets) {
  TestServer server;
  TestClient client(server);
  const std::vector<std::uint8_t> request = ClassicBinding();
  const Reply reply = client.Send(request);
  ASSERT_FALSE(reply.is_silence());
  EXPECT_TRUE(std::equal(request.begin() + 4, request.end(), reply.octets.begin() + 4));
  const stun::MessageView view = ParseClassicReply(reply);
  EXPECT_EQ(view.message_class(), stun::MessageClass::kSuccess);
  EXPECT_EQ(stun::DecodeAddress(view.Find(AttributeType::kMappedAddress)->value)->endpoint,
            kClient);
  EXPECT_FALSE(view.Has(AttributeType::kXorMappedAddress));
  EXPECT_FALSE(view.Has(AttributeType::kFingerprint));
}

TEST(HandleBinding, STUN_44_ClassicRequestsCanBeSwitchedOff) {
  TestServer server([](TestServer::Options& options) { options.policy.classic_stun = false; });
  TestClient client(server);
  EXPECT_TRUE(client.Send(ClassicBinding()).is_silence());
}

TEST(HandleBinding, STUN_44_ClassicRequestsAreAnsweredOverUdpOnly) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  EXPECT_TRUE(client.Send(ClassicBinding()).is_silence());
  EXPECT_EQ(client.outcome, Engine::Outcome::kInvalid);
}

TEST(HandleBinding, STUN_45_AClassicResponseAddressIs420AndNothingGoesThere) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(ClassicBinding({0, 2, 0, 8, 0, 1, 0x13, 0x88, 20, 9, 9, 9}));
  const stun::MessageView view = ParseClassicReply(reply);
  EXPECT_EQ(stun::DecodeErrorCode(view.Find(AttributeType::kErrorCode)->value)->code, 420);
  EXPECT_EQ(server.effects.to_client.back().client.five_tuple.client, kClient);
}

TEST(HandleBinding, STUN_45_AClassicChangeRequestIs420) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.Send(ClassicBinding({0, 3, 0, 4, 0, 0, 0, 6}));
  const stun::MessageView view = ParseClassicReply(reply);
  EXPECT_EQ(stun::DecodeErrorCode(view.Find(AttributeType::kErrorCode)->value)->code, 420);
}

TEST(HandleBinding, STUN_46_AClassicRequestInsideDtlsIsAServerError) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kDtls);
  const stun::MessageView view = ParseClassicReply(client.Send(ClassicBinding()));
  EXPECT_EQ(stun::DecodeErrorCode(view.Find(AttributeType::kErrorCode)->value)->code, 500);
}

TEST(HandleBinding, STUN_46_AnIndicationWithoutCookieInsideDtlsIsIgnored) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kDtls);
  std::vector<std::uint8_t> indication = ClassicBinding();
  indication[1] = 0x11;
  EXPECT_TRUE(client.Send(indication).is_silence());
}

TEST(HandleBinding, D1_TheAnswerToTwentyOctetsIsUnderThreeTimesAsLong) {
  TestServer server;
  EXPECT_LT(TestClient(server, kClientV6).Send(TurnMessage(Method::kBinding)).octets.size(), 60u);
}

}  // namespace turn::handle_binding_test
