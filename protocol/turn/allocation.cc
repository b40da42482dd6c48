#include "protocol/turn/allocation.h"

#include <algorithm>
#include <utility>

#include "protocol/base/check.h"

namespace turn {
namespace {

bool IsOf(base::AddressFamily family, const Relay& relay) {
  return relay.address.endpoint.address.family() == family;
}

}  // namespace

const Relay* Allocation::FindRelay(base::AddressFamily family) const {
  if (first_relay_ && IsOf(family, *first_relay_)) return &*first_relay_;
  if (second_relay_ != nullptr && IsOf(family, *second_relay_)) return second_relay_.get();
  return nullptr;
}

Relay* Allocation::FindRelay(base::AddressFamily family) {
  return const_cast<Relay*>(std::as_const(*this).FindRelay(family));
}

Relay& Allocation::AddRelay(const Relay& relay) {
  CHECK(FindRelay(relay.address.endpoint.address.family()) == nullptr);
  if (!first_relay_) return first_relay_.emplace(relay);
  second_relay_ = std::make_unique<Relay>(relay);
  return *second_relay_;
}

void Allocation::RemoveRelay(base::AddressFamily family) {
  if (first_relay_ && IsOf(family, *first_relay_)) {
    first_relay_.reset();
  } else if (second_relay_ != nullptr && IsOf(family, *second_relay_)) {
    second_relay_.reset();
  }
}

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
