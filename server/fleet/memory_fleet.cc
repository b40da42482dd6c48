#include "server/fleet/memory_fleet.h"

#include <utility>

namespace relay {

std::vector<FleetNode> MemoryFleet::nodes() const {
  if (!self_) return {};
  return {*self_};
}

void MemoryFleet::Revoke(const auth::Revocation& revocation,
                         std::function<void(base::Result<void>)> done) {
  std::erase_if(revocations_, [&](const auth::Revocation& old) {
    return old.forget_at <= revocation.revoked_at ||
           (old.kind == revocation.kind && old.value == revocation.value);
  });
  revocations_.push_back(revocation);
  if (on_revocations_) on_revocations_(revocations_);
  done({});
}

void MemoryFleet::OnRevocations(
    std::function<void(const std::vector<auth::Revocation>&)> callback) {
  on_revocations_ = std::move(callback);
  on_revocations_(revocations_);
}

}  // namespace relay
