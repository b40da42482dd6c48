#pragma once

#include <string>
#include <string_view>

// What stands where in a region's Redis (docs/fleet.md).
namespace relay::fleet_keys {

inline constexpr const char* kEpoch = "senso-turn:epoch";
inline constexpr const char* kNodes = "senso-turn:nodes";
inline constexpr const char* kRevocations = "senso-turn:revocations";
inline constexpr const char* kUsage = "senso-turn:usage";

inline std::string Node(std::string_view name) { return "senso-turn:node:" + std::string(name); }
inline std::string Counts(std::string_view name) {
  return "senso-turn:counts:" + std::string(name);
}

}  // namespace relay::fleet_keys
