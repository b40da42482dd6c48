#include "bench/loadgen/turn_client.h"

#include <array>

#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_writer.h"

namespace loadgen {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::MessageClass;
using stun::Method;

constexpr std::uint8_t kUdpProtocolNumber = 17;
constexpr std::uint8_t kMaxChallenges = 4;

stun::Method MethodOf(TurnClient::Request request) {
  switch (request) {
    case TurnClient::Request::kAllocate:
      return Method::kAllocate;
    case TurnClient::Request::kCreatePermission:
      return Method::kCreatePermission;
    case TurnClient::Request::kChannelBind:
      return Method::kChannelBind;
    case TurnClient::Request::kRefresh:
    case TurnClient::Request::kRelease:
      break;
  }
  return Method::kRefresh;
}

// A number in the first octet (or two), the rest reserved.
std::uint32_t InTopOctet(std::uint8_t value) { return std::uint32_t{value} << 24; }

}  // namespace

void TurnClient::Reset(std::size_t user, stun::ChannelNumber channel) {
  user_ = static_cast<std::uint32_t>(user);
  channel_ = channel;
  is_waiting_ = false;
  challenges_ = 0;
  relayed_ = {};
  // A new client knows no nonce, and learns one by a 401 as any client does.
  nonce_.clear();
}

void TurnClient::Begin(Request request, const stun::TransactionId& id) {
  if (request != request_) challenges_ = 0;
  id_ = id;
  request_ = request;
  is_waiting_ = true;
  is_signed_ = !nonce_.empty();
}

base::Bytes TurnClient::Build(const Plan& plan, const Credentials& credentials,
                              base::MutableBytes buffer) const {
  stun::MessageWriter writer(buffer, {MethodOf(request_), MessageClass::kRequest}, id_);
  switch (request_) {
    case Request::kAllocate:
      writer.AddU32(AttributeType::kRequestedTransport, InTopOctet(kUdpProtocolNumber));
      if (plan.family != 0) {
        const std::uint8_t family = plan.family == 4 ? 1 : 2;
        writer.AddU32(AttributeType::kRequestedAddressFamily, InTopOctet(family));
      }
      break;
    case Request::kChannelBind:
      writer.AddU32(AttributeType::kChannelNumber, std::uint32_t{channel_.value} << 16);
      writer.AddXorAddress(AttributeType::kXorPeerAddress, peer_);
      break;
    case Request::kCreatePermission:
      writer.AddXorAddress(AttributeType::kXorPeerAddress, peer_);
      break;
    case Request::kRelease:
      writer.AddU32(AttributeType::kLifetime, 0);
      break;
    case Request::kRefresh:
      break;
  }
  const bool may_ask_lifetime = request_ == Request::kAllocate || request_ == Request::kRefresh;
  if (may_ask_lifetime && plan.lifetime_seconds > 0) {
    writer.AddU32(AttributeType::kLifetime, plan.lifetime_seconds);
  }
  if (is_signed_) {
    writer.AddText(AttributeType::kUsername, credentials.username(user_));
    writer.AddText(AttributeType::kRealm, credentials.realm());
    writer.AddText(AttributeType::kNonce, nonce_);
    writer.AddMessageIntegrity(credentials.key(user_));
  }
  CHECK(writer.ok());
  return writer.message();
}

TurnClient::Outcome TurnClient::OnResponse(const stun::MessageView& response,
                                           Credentials& credentials) {
  const MessageClass message_class = response.message_class();
  const bool is_answer =
      is_waiting_ && response.transaction_id() == id_ && response.method() == MethodOf(request_) &&
      (message_class == MessageClass::kSuccess || message_class == MessageClass::kError);
  if (!is_answer) return Outcome::kIgnored;
  if (message_class == MessageClass::kError) return OnError(response, credentials);
  if (is_signed_ && !stun::VerifyMessageIntegrity(response, credentials.key(user_))) {
    return Outcome::kIgnored;
  }
  is_waiting_ = false;
  challenges_ = 0;
  return OnSuccess(response);
}

TurnClient::Outcome TurnClient::OnSuccess(const stun::MessageView& response) {
  if (request_ == Request::kAllocate || request_ == Request::kRefresh) {
    const auto lifetime = response.Find(AttributeType::kLifetime);
    const auto seconds = lifetime ? stun::DecodeU32(lifetime->value) : std::nullopt;
    if (!seconds) return Outcome::kMalformed;
    granted_seconds_ = *seconds;
  }
  if (request_ == Request::kAllocate) {
    const auto attribute = response.Find(AttributeType::kXorRelayedAddress);
    if (!attribute) return Outcome::kMalformed;
    const auto address =
        stun::DecodeXorAddress(attribute->value, response.cookie_and_transaction_id());
    if (!address) return Outcome::kMalformed;
    relayed_ = address->endpoint;
  }
  return Outcome::kSucceeded;
}

TurnClient::Outcome TurnClient::OnError(const stun::MessageView& response,
                                        Credentials& credentials) {
  const auto attribute = response.Find(AttributeType::kErrorCode);
  const auto error = attribute ? stun::DecodeErrorCode(attribute->value) : std::nullopt;
  if (!error) return Outcome::kIgnored;
  is_waiting_ = false;
  code_ = error->code;
  const bool is_first_challenge =
      error->code == static_cast<std::uint16_t>(ErrorCode::kUnauthenticated) && !is_signed_;
  const bool is_stale_nonce = error->code == static_cast<std::uint16_t>(ErrorCode::kStaleNonce);
  if ((is_first_challenge || is_stale_nonce) && ++challenges_ <= kMaxChallenges &&
      Learn(response, credentials)) {
    return Outcome::kTryAgain;
  }
  return Outcome::kRefused;
}

bool TurnClient::Learn(const stun::MessageView& response, Credentials& credentials) {
  const auto realm = response.Find(AttributeType::kRealm);
  const auto nonce = response.Find(AttributeType::kNonce);
  if (!realm || !nonce || nonce->value.empty()) return false;
  credentials.SetRealm(base::AsText(realm->value));
  nonce_ = base::AsText(nonce->value);
  return true;
}

}  // namespace loadgen
