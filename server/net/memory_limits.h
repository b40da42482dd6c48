#pragma once

#include <cstddef>

namespace relay {

// How much of some things a shard keeps in memory, in octets.
struct MemoryLimits {
  // Relayed data that waits for slow readers: from so much on each gets little, from twice as much
  // on no more than it has (StreamBacklog).
  std::size_t waiting_data = 64 * 1024 * 1024;
  // Connections without an allocation, over streams; and as much over DTLS.
  std::size_t strangers = 128 * 1024 * 1024;
};

}  // namespace relay
