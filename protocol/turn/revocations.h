#pragma once

#include <string_view>

namespace turn {

// Whose rights have been taken away though their credentials are good otherwise. Implementations
// are immutable snapshots and thread-safe; the engine is given a new one when there are more.
class Revocations {
 public:
  virtual ~Revocations() = default;

  // Whether the user name, any octets from the network, is worth nothing.
  virtual bool Covers(std::string_view username) const = 0;
};

}  // namespace turn
