#include "bench/loadgen/turn_client.h"

#include <gtest/gtest.h>

#include "protocol/stun/integrity.h"
#include "protocol/stun/message_writer.h"

namespace loadgen::turn_client_test {

using stun::AttributeType;
using stun::MessageClass;
using stun::MessageView;
using Outcome = TurnClient::Outcome;
using Request = TurnClient::Request;

constexpr stun::TransactionId kFirst = {1};
constexpr stun::TransactionId kSecond = {2};
const base::Endpoint kRelayed{base::IpAddress::FromV4({192, 0, 2, 1}), 50000};

Options WithPassword() {
  Options options;
  options.user = "user";
  options.password = "pass";
  return options;
}

class TurnClientTest : public testing::Test {
 protected:
  TurnClientTest() { client_.Reset(0, stun::kFirstChannel); }

  MessageView Sent(const TurnClient::Plan& plan = {}) {
    return *MessageView::Parse(client_.Build(plan, credentials_, request_));
  }

  Outcome Challenge(const stun::TransactionId& id, stun::ErrorCode code, std::string_view nonce) {
    stun::MessageWriter writer(response_, {stun::Method::kAllocate, MessageClass::kError}, id);
    writer.AddErrorCode(code, "");
    writer.AddText(AttributeType::kRealm, "realm");
    writer.AddText(AttributeType::kNonce, nonce);
    return client_.OnResponse(*MessageView::Parse(writer.message()), credentials_);
  }

  Outcome Succeed(const stun::TransactionId& id, base::Bytes key, bool has_address = true) {
    stun::MessageWriter writer(response_, {stun::Method::kAllocate, MessageClass::kSuccess}, id);
    if (has_address) writer.AddXorAddress(AttributeType::kXorRelayedAddress, kRelayed);
    writer.AddU32(AttributeType::kLifetime, 600);
    writer.AddMessageIntegrity(key);
    return client_.OnResponse(*MessageView::Parse(writer.message()), credentials_);
  }

  void Authenticate() {
    client_.Begin(Request::kAllocate, kFirst);
    ASSERT_EQ(Challenge(kFirst, stun::ErrorCode::kUnauthenticated, "nonce"), Outcome::kTryAgain);
    client_.Begin(Request::kAllocate, kSecond);
  }

  Credentials credentials_{WithPassword(), base::WallTime()};
  TurnClient client_;
  std::array<std::uint8_t, TurnClient::kMaxRequestBytes> request_{};
  std::array<std::uint8_t, 512> response_{};
};

TEST_F(TurnClientTest, TheFirstRequestHasNoCredentials) {
  client_.Begin(Request::kAllocate, kFirst);
  EXPECT_FALSE(Sent().Has(AttributeType::kUsername));
  EXPECT_TRUE(Sent().Has(AttributeType::kRequestedTransport));
  EXPECT_FALSE(Sent().Has(AttributeType::kRequestedAddressFamily));
  EXPECT_TRUE(Sent({.family = 6}).Has(AttributeType::kRequestedAddressFamily));
}

TEST_F(TurnClientTest, TheSecondIsSignedWithWhatThe401Taught) {
  Authenticate();
  EXPECT_TRUE(stun::VerifyMessageIntegrity(Sent(), stun::LongTermKeyMd5("user", "realm", "pass")));
  EXPECT_EQ(base::AsText(Sent().Find(AttributeType::kNonce)->value), "nonce");
}

TEST_F(TurnClientTest, AnAllocationIsTheRelayedAddressAndTheLifetime) {
  Authenticate();
  EXPECT_EQ(Succeed(kSecond, credentials_.key(0)), Outcome::kSucceeded);
  EXPECT_EQ(client_.relayed(), kRelayed);
  EXPECT_EQ(client_.granted_seconds(), 600U);
  EXPECT_FALSE(client_.is_waiting());
}

TEST_F(TurnClientTest, ASuccessWithWrongIntegrityIsNotBelieved) {
  Authenticate();
  EXPECT_EQ(Succeed(kSecond, stun::LongTermKeyMd5("user", "realm", "other")), Outcome::kIgnored);
  EXPECT_TRUE(client_.is_waiting());
}

TEST_F(TurnClientTest, AnAnswerToAnotherTransactionIsIgnored) {
  Authenticate();
  EXPECT_EQ(Succeed(kFirst, credentials_.key(0)), Outcome::kIgnored);
}

TEST_F(TurnClientTest, ASuccessWithoutRelayedAddressIsMalformed) {
  Authenticate();
  EXPECT_EQ(Succeed(kSecond, credentials_.key(0), false), Outcome::kMalformed);
}

TEST_F(TurnClientTest, AStaleNonceIsReplacedAndASecond401IsARefusal) {
  Authenticate();
  EXPECT_EQ(Challenge(kSecond, stun::ErrorCode::kStaleNonce, "fresh"), Outcome::kTryAgain);
  client_.Begin(Request::kAllocate, kFirst);
  EXPECT_EQ(base::AsText(Sent().Find(AttributeType::kNonce)->value), "fresh");
  EXPECT_EQ(Challenge(kFirst, stun::ErrorCode::kUnauthenticated, "again"), Outcome::kRefused);
  EXPECT_EQ(client_.code(), 401);
}

TEST_F(TurnClientTest, EndlessStaleNoncesEndInARefusal) {
  Authenticate();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Challenge(kSecond, stun::ErrorCode::kStaleNonce, "n"), Outcome::kTryAgain);
    client_.Begin(Request::kAllocate, kSecond);
  }
  EXPECT_EQ(Challenge(kSecond, stun::ErrorCode::kStaleNonce, "n"), Outcome::kRefused);
}

TEST_F(TurnClientTest, ARepeatedRequestIsTheSameOctets) {
  Authenticate();
  const MessageView first = Sent();
  const std::vector<std::uint8_t> before(first.octets().begin(), first.octets().end());
  const MessageView second = Sent();
  EXPECT_TRUE(
      std::equal(before.begin(), before.end(), second.octets().begin(), second.octets().end()));
}

TEST(Credentials, NamesMadeFromASecretExpireInADayAndHaveTheRestPassword) {
  Options options;
  options.secret = "north";
  options.users = 2;
  const Credentials credentials(options, base::WallTime(std::chrono::seconds(1000)));
  EXPECT_EQ(credentials.username(0), "87400:load-0");
  EXPECT_EQ(credentials.username(credentials.UserOf(3)), "87400:load-1");
}

}  // namespace loadgen::turn_client_test
