#include "protocol/turn/request.h"

#include <algorithm>

#include "protocol/base/byte_writer.h"
#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"

namespace turn {
namespace {

using stun::AttributeType;

// RFC 8489 sections 14.9 and 14.14: under 128 characters of up to four octets.
constexpr std::size_t kMaxTextBytes = 508;

// What this server acts on, or knows to be harmless where it does not belong (RFC 8489
// section 6.3).
bool IsSupported(AttributeType type) {
  switch (type) {
    case AttributeType::kMappedAddress:
    case AttributeType::kUsername:
    case AttributeType::kMessageIntegrity:
    case AttributeType::kErrorCode:
    case AttributeType::kUnknownAttributes:
    case AttributeType::kChannelNumber:
    case AttributeType::kLifetime:
    case AttributeType::kXorPeerAddress:
    case AttributeType::kData:
    case AttributeType::kRealm:
    case AttributeType::kNonce:
    case AttributeType::kXorRelayedAddress:
    case AttributeType::kRequestedAddressFamily:
    case AttributeType::kEvenPort:
    case AttributeType::kRequestedTransport:
    case AttributeType::kDontFragment:
    case AttributeType::kMessageIntegritySha256:
    case AttributeType::kPasswordAlgorithm:
    case AttributeType::kUserhash:
    case AttributeType::kXorMappedAddress:
    case AttributeType::kReservationToken:
    case AttributeType::kConnectionId:
      return true;
    default:
      return false;
  }
}

stun::MessageType ResponseType(const Request& request, stun::MessageClass message_class) {
  return {request.message.method(), message_class};
}

}  // namespace

UnknownAttributes FindUnknownAttributes(const stun::MessageView& message, bool takes_tokens) {
  UnknownAttributes unknown;
  message.ForEach([&](const stun::Attribute& attribute) {
    if (!stun::IsComprehensionRequired(attribute.type) || IsSupported(attribute.type)) return;
    if (attribute.type == AttributeType::kAccessToken && takes_tokens) return;
    if (unknown.size() == unknown.capacity()) return;
    if (std::find(unknown.begin(), unknown.end(), attribute.type) == unknown.end())
      unknown.push_back(attribute.type);
  });
  return unknown;
}

Response::Response(const Request& request, const Policy& policy)
    : request_(request),
      policy_(policy),
      recipient_(request.client),
      writer_(buffer_, ResponseType(request, stun::MessageClass::kSuccess),
              request.message.cookie_and_transaction_id()) {}

Response::Response(const Request& request, const Policy& policy, const StunError& error)
    : request_(request),
      policy_(policy),
      recipient_(request.client),
      writer_(buffer_, ResponseType(request, stun::MessageClass::kError),
              request.message.cookie_and_transaction_id()) {
  writer_.AddErrorCode(error.code, request.user ? stun::ReasonPhrase(error.code) : "");
  if (error.code == stun::ErrorCode::kUnknownAttribute) {
    std::array<std::uint8_t, 2 * kMaxUnknownAttributes> list;
    base::ByteWriter list_writer(list);
    for (const AttributeType type : error.unknown_attributes)
      list_writer.WriteU16(static_cast<std::uint16_t>(type));
    writer_.AddBytes(AttributeType::kUnknownAttributes, list_writer.written());
  }
  if (error.alternate) WriteAlternate(writer_, *error.alternate);
}

void Response::AddChallenge(std::string_view nonce) {
  writer_.AddText(AttributeType::kRealm, std::string_view(policy_.realm).substr(0, kMaxTextBytes));
  writer_.AddText(AttributeType::kNonce, nonce);
  if (policy_.password_algorithms)
    writer_.AddBytes(AttributeType::kPasswordAlgorithms, kOfferedPasswordAlgorithms);
}

void Response::OfferTokens(std::string_view server_name) {
  writer_.AddText(AttributeType::kThirdPartyAuthorization, server_name.substr(0, kMaxTextBytes));
}

std::string_view Response::Software() const {
  using SoftwareAttribute = Policy::SoftwareAttribute;
  const bool says_software =
      policy_.software_attribute == SoftwareAttribute::kAlways ||
      (policy_.software_attribute == SoftwareAttribute::kAuthenticated && request_.user);
  if (!says_software || request_.message.is_classic()) return {};
  return std::string_view(policy_.software).substr(0, kMaxTextBytes);
}

std::size_t Response::FinishedBytes() const {
  constexpr std::size_t kHeaderBytes = 4;
  std::size_t bytes = writer_.message().size();
  if (TransmitCounter()) bytes += kHeaderBytes + 4;
  if (const std::size_t text = Software().size(); text != 0)
    bytes += kHeaderBytes + (text + 3) / 4 * 4;
  if (request_.has_fingerprint) bytes += kHeaderBytes + 4;
  return bytes;
}

std::optional<std::uint32_t> Response::TransmitCounter() const {
  constexpr std::uint32_t kReqBits = 0x0000ff00;
  if (request_.message.is_classic()) return std::nullopt;
  const auto attribute = request_.message.Find(AttributeType::kTransactionTransmitCounter);
  const auto counter = attribute ? stun::DecodeU32(attribute->value) : std::nullopt;
  if (!counter) return std::nullopt;
  return *counter & kReqBits;
}

base::Bytes Response::Finish() {
  // A stranger's is left out where it would be too much for what he sent.
  const bool has_room =
      request_.user || FinishedBytes() <= kMaxAmplification * request_.message.octets().size();
  if (const auto counter = TransmitCounter(); counter && has_room)
    writer_.AddU32(AttributeType::kTransactionTransmitCounter, *counter);
  if (const std::string_view software = Software(); !software.empty())
    writer_.AddText(AttributeType::kSoftware, software);
  if (request_.user) {
    const base::Bytes key = request_.user->credential.key;
    if (request_.user->answer_with_sha256) {
      writer_.AddMessageIntegritySha256(key);
    } else {
      writer_.AddMessageIntegrity(key);
    }
  }
  if (request_.has_fingerprint) writer_.AddFingerprint();
  CHECK(writer_.ok());
  return writer_.message();
}

}  // namespace turn
