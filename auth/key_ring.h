#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "auth/shared_secret.h"

namespace auth {

// The shared secrets in force: the first signs new credentials, all of them verify, so that a
// secret can be changed without a gap (add the new one first, take the old one away when its
// credentials are over). An immutable snapshot; thread-safe.
class KeyRing {
 public:
  KeyRing() = default;
  explicit KeyRing(std::vector<SharedSecret> secrets) : secrets_(std::move(secrets)) {}

  // Only those that the relays of a region have.
  KeyRing ForRegion(std::string_view region) const;

  std::span<const SharedSecret> secrets() const { return secrets_; }
  // The first one that the relays of a region have, which signs for them; nullptr: there is none.
  // Valid as long as the ring.
  const SharedSecret* SigningFor(std::string_view region) const;
  // nullptr: no secret of that name.
  const SharedSecret* Find(std::string_view id) const;

 private:
  std::vector<SharedSecret> secrets_;
};

}  // namespace auth
