#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

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
  // A Place in half of its room: there is one for each relay, and only a few shards.
  struct Entry {
    int socket;
    std::uint16_t reader;  // its place among readers_
  };
  std::uint16_t ReaderOf(const std::atomic<bool>* is_in_round);

  mutable std::mutex mutex_;
  std::vector<const std::atomic<bool>*> readers_;
  boost::unordered_flat_map<base::Endpoint, Entry, base::EndpointHash> entries_;
};

}  // namespace relay
