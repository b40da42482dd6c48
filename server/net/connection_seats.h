#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "protocol/base/five_tuple.h"
#include "protocol/base/ip_address.h"
#include "server/metrics/shard_counters.h"
#include "server/net/connection_census.h"

namespace relay {

// What each stream connection of a shard occupies, whatever it turns out to be: a place in a gauge,
// from the moment that its client is known one in the census, and memory, which is bounded for all
// together that have no allocation. Shard's thread only.
class ConnectionSeats {
 public:
  // What a connection costs, about: in the clear, under TLS (with a record of which not all has
  // come), in a TLS handshake, with an HTTP request that may be as long as any.
  static constexpr std::size_t kClearBytes = 2 * 1024;
  static constexpr std::size_t kTlsBytes = 32 * 1024;
  static constexpr std::size_t kHandshakeBytes = 44 * 1024;
  static constexpr std::size_t kHttpBytes = 96 * 1024;

  // `strangers_limit` in octets. The others must outlive the object.
  ConnectionSeats(ConnectionCensus& census, ShardCounters& counters, std::size_t strangers_limit)
      : census_(census), counters_(counters), strangers_limit_(strangers_limit) {}
  ~ConnectionSeats();
  ConnectionSeats(const ConnectionSeats&) = delete;
  ConnectionSeats& operator=(const ConnectionSeats&) = delete;

  bool Has(std::uint32_t handle) const { return seats_.contains(handle); }
  void Take(std::uint32_t handle, base::Transport transport);
  // False: the client's address has as many as it may have.
  bool Admit(std::uint32_t handle, const base::IpAddress& source);
  void AdmitBeyondLimit(std::uint32_t handle, const base::IpAddress& source);
  void Change(std::uint32_t handle, base::Transport transport);
  void Vacate(std::uint32_t handle);

  // A stranger is one without an allocation, as all are at first.
  void SetStranger(std::uint32_t handle, bool is_stranger);
  void Charge(std::uint32_t handle, std::size_t bytes);
  // Strangers keep too much; they keep so little again that it lasts for a while.
  bool IsOverLimit() const { return strangers_bytes_ > strangers_limit_; }
  bool IsEased() const { return strangers_bytes_ <= strangers_limit_ - strangers_limit_ / 8; }

 private:
  struct Seat {
    base::Transport transport;
    bool is_stranger = true;
    std::size_t bytes = 0;
    std::optional<base::IpAddress> source;
  };

  ConnectionCensus& census_;
  ShardCounters& counters_;
  const std::size_t strangers_limit_;
  std::size_t strangers_bytes_ = 0;
  std::unordered_map<std::uint32_t, Seat> seats_;
};

}  // namespace relay
