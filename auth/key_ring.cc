#include "auth/key_ring.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace auth {
namespace {

bool IsOf(const SharedSecret& secret, std::string_view region) {
  return secret.region.empty() || secret.region == region;
}

}  // namespace

KeyRing KeyRing::ForRegion(std::string_view region) const {
  std::vector<SharedSecret> kept;
  std::ranges::copy_if(secrets_, std::back_inserter(kept),
                       [&](const SharedSecret& secret) { return IsOf(secret, region); });
  return KeyRing(std::move(kept));
}

const SharedSecret* KeyRing::SigningFor(std::string_view region) const {
  const auto found = std::ranges::find_if(
      secrets_, [&](const SharedSecret& secret) { return IsOf(secret, region); });
  return found == secrets_.end() ? nullptr : &*found;
}

const SharedSecret* KeyRing::Find(std::string_view id) const {
  const auto found = std::ranges::find(secrets_, id, &SharedSecret::id);
  return found == secrets_.end() ? nullptr : &*found;
}

}  // namespace auth
