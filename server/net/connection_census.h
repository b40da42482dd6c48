#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "protocol/base/ip_address.h"

namespace relay {

// How many stream connections each source address has over all shards
// (limits.connections_per_source). Touched when a connection comes and goes. Thread-safe.
class ConnectionCensus {
 public:
  // 0: unlimited.
  explicit ConnectionCensus(std::uint32_t limit_per_source) : limit_(limit_per_source) {}

  // False: the source has as many as it may. True: Leave must follow.
  bool Enter(const base::IpAddress& source);
  // In any case, for one that was let in elsewhere.
  void EnterBeyondLimit(const base::IpAddress& source);
  void Leave(const base::IpAddress& source);
  // What is above a new limit stays until it ends.
  void SetLimit(std::uint32_t limit_per_source);

 private:
  std::uint32_t limit_;
  std::mutex mutex_;
  std::unordered_map<base::IpAddress, std::uint32_t, base::IpAddressHash> by_source_;
};

}  // namespace relay
