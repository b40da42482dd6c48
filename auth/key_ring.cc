#include "auth/key_ring.h"

#include <algorithm>

namespace auth {

const SharedSecret* KeyRing::Find(std::string_view id) const {
  const auto found = std::ranges::find(secrets_, id, &SharedSecret::id);
  return found == secrets_.end() ? nullptr : &*found;
}

}  // namespace auth
