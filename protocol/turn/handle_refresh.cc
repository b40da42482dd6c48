#include <array>
#include <memory>

#include "protocol/stun/attributes.h"
#include "protocol/turn/engine_state.h"
#include "protocol/turn/lifetime.h"

namespace turn {
namespace {

using base::AddressFamily;
using stun::AttributeType;
using stun::ErrorCode;

constexpr std::array kFamilies = {AddressFamily::kIpv4, AddressFamily::kIpv6};

}  // namespace

// RFC 8656 section 8.2; with an access token, RFC 7635 section 9.
std::optional<StunError> Engine::State::HandleRefresh(const Request& request, Response& success) {
  Allocation& allocation = *request.allocation;
  const base::MonotonicTime now = request.now.monotonic;

  // Syntax.
  std::optional<std::uint32_t> requested;
  if (const auto attribute = request.message.Find(AttributeType::kLifetime)) {
    requested = stun::DecodeU32(attribute->value);
    if (!requested) return ErrorCode::kBadRequest;
  }
  std::optional<AddressFamily> only_family;
  if (const auto attribute = request.message.Find(AttributeType::kRequestedAddressFamily)) {
    const std::optional<std::uint8_t> family = stun::DecodeRequestedFamily(attribute->value);
    if (!family) return ErrorCode::kBadRequest;
    // A family that the allocation lacks, known or not.
    if (*family != 1 && *family != 2) return ErrorCode::kPeerAddressFamilyMismatch;
    only_family = static_cast<AddressFamily>(*family);
    if (allocation.FindRelay(*only_family) == nullptr) return ErrorCode::kPeerAddressFamilyMismatch;
  }
  const auto is_meant = [&](AddressFamily family) {
    return !only_family || *only_family == family;
  };

  // The desired lifetime, zero: delete.
  if (requested == 0u) {
    success.attributes().AddU32(AttributeType::kLifetime, 0);
    if (only_family) {
      CloseFamily(allocation, *only_family, CloseReason::kDeleted, now);
      if (!allocation.HasRelay()) CloseAllocation(allocation, CloseReason::kDeleted, now);
    } else {
      CloseAllocation(allocation, CloseReason::kDeleted, now);
    }
    return std::nullopt;
  }

  const Credential& credential = request.user->credential;
  if (credential.token) allocation.token = std::make_unique<Credential>(credential);
  // The name that keeps it alive is the one that can be revoked.
  allocation.username = credential.username;
  const std::chrono::seconds granted =
      GrantLifetime(*policy_, requested, credential, request.now.wall);
  for (const AddressFamily family : kFamilies) {
    Relay* const relay = allocation.FindRelay(family);
    if (relay != nullptr && is_meant(family)) relay->expires_at = now + granted;
  }
  wheel_.ScheduleNoLater(allocation, allocation.NextExpiry());
  InstallRoutes(allocation, now);
  success.attributes().AddU32(AttributeType::kLifetime,
                              static_cast<std::uint32_t>(granted.count()));
  return std::nullopt;
}

}  // namespace turn
