#pragma once

#include <functional>
#include <string_view>
#include <variant>

#include "auth/bearer_identity.h"

namespace relay {

// Says who the holder of a bearer token is. Control thread only.
class BearerCheck {
 public:
  using Answer = std::variant<auth::BearerIdentity, auth::BearerError>;

  virtual ~BearerCheck() = default;

  // Calls `done` once: before it returns when the keys of the issuer are at hand, later when they
  // have to be fetched; never after the destruction of this object.
  virtual void Check(std::string_view token, std::function<void(Answer)> done) = 0;
};

}  // namespace relay
