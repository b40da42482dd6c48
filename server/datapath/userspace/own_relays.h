#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "protocol/base/ip_address.h"

namespace relay {

// The relay sockets of all shards, by their addresses: from relay to relay a packet waits in one of
// another allocation, which may be another shard's. Thread-safe; changes with allocations.
class OwnRelays {
 public:
  struct Place {
    int socket = -1;
    // Of the shard that reads the socket: it may have packets in hand that it has not sent yet.
    const std::atomic<bool>* is_in_round = nullptr;
  };

  // `is_in_round` must outlive the object's use.
  void Add(const base::Endpoint& address, const Place& place);
  // Ignored if another socket has the address by now.
  void Remove(const base::Endpoint& address, int socket);
  std::optional<Place> Find(const base::Endpoint& address) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<base::Endpoint, Place, base::EndpointHash> places_;
};

}  // namespace relay
