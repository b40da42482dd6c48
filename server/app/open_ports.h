#pragma once

#include <cstdint>

// The ports that the firewalls of clients let out.
namespace relay {

inline constexpr std::uint16_t kHttpsPort = 443;        // TCP
inline constexpr std::uint16_t kFirstOpenPort = 49152;  // UDP, to 65535

}  // namespace relay
