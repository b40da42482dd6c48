#pragma once

#include <cstdint>

namespace relay {

// Each relay and each client's connection is a descriptor of the process, and those have a limit
// (RLIMIT_NOFILE). So many of them stay free for others, but at most a quarter of the limit: when
// relays have taken all that they may, clients still connect; when clients have, metrics and
// administration still answer. Any thread.
inline constexpr std::uint32_t kReservedFromRelays = 256;
inline constexpr std::uint32_t kReservedFromConnections = 64;

// Whether `descriptor`, which has just been made and so was the lowest free number, leaves
// `reserve`.
bool LeavesReserve(int descriptor, std::uint32_t reserve);

// How many descriptors there are at most for relays and everything that came before them.
std::uint64_t DescriptorsForRelays();

}  // namespace relay
