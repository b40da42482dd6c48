#include "protocol/turn/request.h"

#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::request_test {

constexpr AttributeType kCounter = AttributeType::kTransactionTransmitCounter;

TurnMessage Counted(TurnMessage message, std::uint32_t value) {
  return message.U32(kCounter, value);
}

// nullopt: the answer has none.
std::optional<std::uint32_t> CounterOf(const Reply& reply) {
  const auto attribute = reply.view().Find(kCounter);
  return attribute ? stun::DecodeU32(attribute->value) : std::nullopt;
}

TEST(Response, MISC_01_TheAnswerRepeatsReqAndCountsNothing) {
  TestServer server;
  const Reply reply = TestClient(server).Send(Counted(TurnMessage(Method::kBinding), 0x0300));
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(CounterOf(reply), 0x0300u);
}

TEST(Response, MISC_01_NothingButReqIsRepeated) {
  TestServer server;
  const Reply reply = TestClient(server).Send(Counted(TurnMessage(Method::kBinding), 0xfffff207));
  EXPECT_EQ(CounterOf(reply), 0xf200u);
}

TEST(Response, MISC_01_ErrorsRepeatItToo) {
  TestServer server;
  TestClient client(server);
  const Reply challenge = client.Send(Counted(TurnMessage(Method::kAllocate).Udp(), 0x0100));
  ASSERT_EQ(challenge.error(), 401);
  EXPECT_EQ(CounterOf(challenge), 0x0100u);
  const Reply refusal = client.Request(Counted(TurnMessage(Method::kRefresh), 0x0200));
  ASSERT_EQ(refusal.error(), 437);
  EXPECT_EQ(CounterOf(refusal), 0x0200u);
  EXPECT_TRUE(stun::VerifyMessageIntegrity(refusal.view(), client.Key()));
}

TEST(Response, MISC_01_AnAnswerWithoutRequestForItHasNone) {
  TestServer server;
  EXPECT_FALSE(TestClient(server).Send(TurnMessage(Method::kBinding)).Has(kCounter));
}

TEST(Response, MISC_02_AMalformedOneIsIgnored) {
  TestServer server;
  TestClient client(server);
  for (const std::size_t length : {0U, 1U, 2U, 3U, 5U, 8U}) {
    const Reply reply = client.Send(TurnMessage(Method::kBinding).Zeros(kCounter, length));
    EXPECT_TRUE(reply.is_success()) << length;
    EXPECT_FALSE(reply.Has(kCounter)) << length;
  }
}

TEST(Response, MISC_02_BehindTheIntegrityItIsIgnored) {
  TestServer server;
  TestClient client(server);
  const Reply reply =
      client.Send(Counted(client.Sign(TurnMessage(Method::kAllocate).Udp()), 0x0100));
  EXPECT_TRUE(reply.is_success());
  EXPECT_FALSE(reply.Has(kCounter));
}

TEST(Response, MISC_01_AStrangerGetsNoMoreThanFiveTimesWhatHeSent) {
  TestServer server;
  for (const Method method : {Method::kBinding, Method::kAllocate, Method::kRefresh}) {
    const TurnMessage request = Counted(TurnMessage(method), 0x0100);
    const Reply reply = TestClient(server).Send(request);
    EXPECT_LE(reply.octets.size(), kMaxAmplification * request.octets().size());
  }
}

}  // namespace turn::request_test
