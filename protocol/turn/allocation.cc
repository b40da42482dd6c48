#include "protocol/turn/allocation.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace turn {
namespace {

std::size_t IndexOf(base::AddressFamily family) {
  return family == base::AddressFamily::kIpv4 ? 0 : 1;
}

}  // namespace

Relay* Allocation::FindRelay(base::AddressFamily family) { return relays_[IndexOf(family)].get(); }

const Relay* Allocation::FindRelay(base::AddressFamily family) const {
  return relays_[IndexOf(family)].get();
}

Relay& Allocation::AddRelay(const Relay& relay) {
  std::unique_ptr<Relay>& place = relays_[IndexOf(relay.address.endpoint.address.family())];
  CHECK(place == nullptr);
  place = std::make_unique<Relay>(relay);
  return *place;
}

void Allocation::RemoveRelay(base::AddressFamily family) { relays_[IndexOf(family)].reset(); }

base::MonotonicTime Allocation::LatestExpiry() const {
  base::MonotonicTime latest{};
  ForEachRelay([&](const Relay& relay) { latest = std::max(latest, relay.expires_at); });
  return latest;
}

base::MonotonicTime Allocation::NextExpiry() const {
  base::MonotonicTime next = LatestExpiry();
  ForEachRelay([&](const Relay& relay) { next = std::min(next, relay.expires_at); });
  next = std::min(next, permissions.EarliestExpiry().value_or(next));
  return std::min(next, channels.EarliestExpiry().value_or(next));
}

bool Allocation::BelongsTo(const Credential& credential) const {
  if ((token != nullptr) != credential.token.has_value()) return false;
  if (token) return credential.subject == token->subject && credential.tenant == token->tenant;
  if (credential.username == username) return true;
  return !credential.subject.empty() && credential.subject == owner.subject &&
         credential.tenant == owner.tenant;
}

bool Allocation::MayBeRenewedWith(const Credential& credential) const {
  return token != nullptr && credential.token.has_value();
}

Owner OwnerOf(const Credential& credential, const Client& client) {
  return Owner{credential.subject.empty() ? credential.username : credential.subject,
               credential.tenant, client.five_tuple.client.address, credential.relays_only};
}

}  // namespace turn
