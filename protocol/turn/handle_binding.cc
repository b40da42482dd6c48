#include "protocol/stun/attribute_type.h"
#include "protocol/turn/engine_state.h"

namespace turn {

// RFC 8489 section 6.3.1; for a classic request RFC 5389 section 12.2.
std::optional<StunError> Engine::State::HandleBinding(const Request& request, Response& success) {
  if (discovery_) {
    if (const auto position = discovery_->PositionOf(request.client))
      return HandleDiscovery(request, *position, success);
  }
  // CHANGE-REQUEST, RESPONSE-PORT and PADDING are among them (RFC 5780 section 6.1), and classic
  // RESPONSE-ADDRESS: no answer goes anywhere but to the source.
  const UnknownAttributes unknown = FindUnknownAttributes(request.message, TakesTokens());
  if (!unknown.empty()) return StunError(unknown);

  const base::Endpoint& client = request.client.five_tuple.client;
  if (request.message.is_classic()) {
    success.attributes().AddAddress(stun::AttributeType::kMappedAddress, client);
  } else {
    success.attributes().AddXorAddress(stun::AttributeType::kXorMappedAddress, client);
  }
  return std::nullopt;
}

}  // namespace turn
