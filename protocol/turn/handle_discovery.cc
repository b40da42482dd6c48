#include <algorithm>
#include <array>

#include "protocol/stun/attribute_type.h"
#include "protocol/stun/attributes.h"
#include "protocol/turn/engine_state.h"

namespace turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

// Flags of CHANGE-REQUEST (RFC 5780 section 7.2).
constexpr std::uint32_t kChangeAddress = 0x04;
constexpr std::uint32_t kChangePort = 0x02;

constexpr std::size_t kAttributeHeaderBytes = 4;

// PADDING as long as the MTU of Ethernet, so that the answer travels in fragments (section 7.6).
constexpr std::array<std::uint8_t, 1500> kPadding{};

bool IsServed(AttributeType type, const Request& request, const Policy& policy) {
  if (type == AttributeType::kChangeRequest) return true;
  // RFC 3489 had neither of them.
  if (request.message.is_classic()) return false;
  return (type == AttributeType::kPadding && policy.discovery_padding) ||
         (type == AttributeType::kResponsePort && policy.discovery_response_port);
}

}  // namespace

// RFC 5780 section 6.1; for a classic request RFC 3489 section 8.1, without RESPONSE-ADDRESS.
std::optional<StunError> Engine::State::HandleDiscovery(const Request& request,
                                                        std::size_t position, Response& success) {
  UnknownAttributes unknown = FindUnknownAttributes(request.message, TakesTokens());
  unknown.erase(
      std::remove_if(unknown.begin(), unknown.end(),
                     [&](AttributeType type) { return IsServed(type, request, *policy_); }),
      unknown.end());
  if (!unknown.empty()) return StunError(unknown);

  // Syntax.
  std::uint32_t change = 0;
  if (const auto attribute = request.message.Find(AttributeType::kChangeRequest)) {
    const std::optional<std::uint32_t> flags = stun::DecodeU32(attribute->value);
    if (!flags) return ErrorCode::kBadRequest;
    change = *flags;
  }
  const bool wants_padding = request.message.Has(AttributeType::kPadding);
  Client recipient = request.client;
  if (const auto attribute = request.message.Find(AttributeType::kResponsePort)) {
    const std::optional<std::uint16_t> port = stun::DecodeResponsePort(attribute->value);
    if (!port || *port == 0 || wants_padding) return ErrorCode::kBadRequest;
    recipient.five_tuple.client.port = *port;
  }

  const DiscoverySocket& origin =
      discovery_->Seen(position, (change & kChangeAddress) != 0, (change & kChangePort) != 0);
  const DiscoverySocket& other = discovery_->Seen(position, true, true);
  recipient.five_tuple.server = origin.bound;
  recipient.handle = origin.handle;
  success.SetRecipient(recipient);

  // A stranger's answer must not be larger than kMaxAmplification times the request. Over IPv6 that
  // leaves no room for MAPPED-ADDRESS in the answer to a request without attributes; what it says
  // is in XOR-MAPPED-ADDRESS, too.
  const std::size_t allowed_bytes = kMaxAmplification * request.message.octets().size();
  const auto add_if_it_fits = [&](AttributeType type, const base::Endpoint& endpoint) {
    const std::size_t value_bytes = endpoint.address.is_v4() ? 8 : 20;
    if (success.FinishedBytes() + kAttributeHeaderBytes + value_bytes <= allowed_bytes)
      success.attributes().AddAddress(type, endpoint);
  };
  const base::Endpoint& client = request.client.five_tuple.client;
  if (request.message.is_classic()) {
    success.attributes().AddAddress(AttributeType::kMappedAddress, client);
    add_if_it_fits(AttributeType::kSourceAddress, origin.announced);
    add_if_it_fits(AttributeType::kChangedAddress, other.announced);
    return std::nullopt;
  }
  success.attributes().AddXorAddress(AttributeType::kXorMappedAddress, client);
  add_if_it_fits(AttributeType::kOtherAddress, other.announced);
  add_if_it_fits(AttributeType::kResponseOrigin, origin.announced);
  add_if_it_fits(AttributeType::kMappedAddress, client);
  if (wants_padding) {
    const std::size_t used_bytes = success.FinishedBytes() + kAttributeHeaderBytes;
    const std::size_t room_bytes = allowed_bytes > used_bytes ? allowed_bytes - used_bytes : 0;
    success.attributes().AddBytes(
        AttributeType::kPadding,
        base::Bytes(kPadding).first(std::min(kPadding.size(), room_bytes / 4 * 4)));
  }
  return std::nullopt;
}

}  // namespace turn
