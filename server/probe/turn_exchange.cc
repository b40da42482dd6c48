#include "server/probe/turn_exchange.h"

#include <array>

#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_writer.h"

namespace relay {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::MessageClass;
using stun::Method;

constexpr std::uint32_t kUdpInTopOctet = std::uint32_t{17} << 24;
constexpr int kMaxChallenges = 3;
constexpr std::size_t kMaxRequestBytes = 4096;

Method MethodOf(TurnExchange::Request request) {
  switch (request) {
    case TurnExchange::Request::kBinding:
      return Method::kBinding;
    case TurnExchange::Request::kAllocate:
      return Method::kAllocate;
    case TurnExchange::Request::kChannelBind:
      return Method::kChannelBind;
    case TurnExchange::Request::kRelease:
      break;
  }
  return Method::kRefresh;
}

std::optional<base::Endpoint> FindAddress(const stun::MessageView& message, AttributeType type) {
  const auto attribute = message.Find(type);
  if (!attribute) return std::nullopt;
  const auto address =
      stun::DecodeXorAddress(attribute->value, message.cookie_and_transaction_id());
  if (!address) return std::nullopt;
  return address->endpoint;
}

}  // namespace

std::vector<std::uint8_t> TurnExchange::Begin(Request request, const stun::TransactionId& id) {
  if (request != request_) challenges_ = 0;
  request_ = request;
  id_ = id;
  is_waiting_ = true;
  is_signed_ = request != Request::kBinding && !nonce_.empty();
  std::array<std::uint8_t, kMaxRequestBytes> buffer;
  stun::MessageWriter writer(buffer, {MethodOf(request), MessageClass::kRequest}, id);
  switch (request) {
    case Request::kBinding:
      break;
    case Request::kAllocate:
      writer.AddU32(AttributeType::kRequestedTransport, kUdpInTopOctet);
      if (family_) {
        writer.AddU32(AttributeType::kRequestedAddressFamily,
                      std::uint32_t{static_cast<std::uint8_t>(*family_)} << 24);
      }
      break;
    case Request::kChannelBind:
      writer.AddU32(AttributeType::kChannelNumber, std::uint32_t{channel_.value} << 16);
      writer.AddXorAddress(AttributeType::kXorPeerAddress, peer_);
      break;
    case Request::kRelease:
      writer.AddU32(AttributeType::kLifetime, 0);
      break;
  }
  if (is_signed_) {
    writer.AddText(AttributeType::kUsername, credential_.username);
    writer.AddText(AttributeType::kRealm, realm_);
    writer.AddText(AttributeType::kNonce, nonce_);
    writer.AddMessageIntegrity(key_);
  }
  if (!writer.ok()) return {};
  const base::Bytes message = writer.message();
  return {message.begin(), message.end()};
}

TurnExchange::Outcome TurnExchange::OnResponse(const stun::MessageView& response) {
  const MessageClass message_class = response.message_class();
  const bool is_answer =
      is_waiting_ && response.transaction_id() == id_ && response.method() == MethodOf(request_) &&
      (message_class == MessageClass::kSuccess || message_class == MessageClass::kError);
  if (!is_answer) return Outcome::kIgnored;
  if (message_class == MessageClass::kError) return OnError(response);
  if (is_signed_ && !stun::VerifyMessageIntegrity(response, key_)) return Outcome::kIgnored;
  is_waiting_ = false;
  return OnSuccess(response);
}

TurnExchange::Outcome TurnExchange::OnSuccess(const stun::MessageView& response) {
  if (request_ == Request::kBinding || request_ == Request::kAllocate) {
    const auto mapped = FindAddress(response, AttributeType::kXorMappedAddress);
    if (!mapped) return Outcome::kMalformed;
    mapped_ = *mapped;
  }
  if (request_ == Request::kAllocate) {
    const auto relayed = FindAddress(response, AttributeType::kXorRelayedAddress);
    if (!relayed) return Outcome::kMalformed;
    relayed_ = *relayed;
  }
  return Outcome::kSucceeded;
}

TurnExchange::Outcome TurnExchange::OnError(const stun::MessageView& response) {
  const auto attribute = response.Find(AttributeType::kErrorCode);
  const auto error = attribute ? stun::DecodeErrorCode(attribute->value) : std::nullopt;
  if (!error) return Outcome::kIgnored;
  is_waiting_ = false;
  code_ = error->code;
  reason_ = std::string(error->reason);
  const bool is_first_challenge =
      error->code == static_cast<std::uint16_t>(ErrorCode::kUnauthenticated) && !is_signed_;
  const bool is_stale_nonce = error->code == static_cast<std::uint16_t>(ErrorCode::kStaleNonce);
  const auto realm = response.Find(AttributeType::kRealm);
  const auto nonce = response.Find(AttributeType::kNonce);
  const bool can_learn = realm && nonce && !nonce->value.empty();
  if (!(is_first_challenge || is_stale_nonce) || !can_learn || ++challenges_ > kMaxChallenges)
    return Outcome::kRefused;
  realm_ = base::AsText(realm->value);
  nonce_ = base::AsText(nonce->value);
  key_ = credential_.key ? *credential_.key
                         : stun::LongTermKeyMd5(credential_.username, realm_, credential_.password);
  return Outcome::kTryAgain;
}

}  // namespace relay
