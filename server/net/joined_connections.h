#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/datapath/userspace/rate_meter.h"
#include "server/metrics/shard_counters.h"
#include "server/net/allocation_meters.h"
#include "server/net/joined_connection.h"
#include "server/net/listener_socket.h"
#include "server/net/shard_clock.h"
#include "server/net/socket_connection.h"

namespace relay {

// The data connections of one shard (RFC 6062 section 5.4 and 5.5). It owns them. Shard's thread
// only.
class JoinedConnections {
 public:
  struct Hooks {
    std::function<void(turn::ConnectionId)> on_ended;        // by itself: not after End
    std::function<void(turn::ClientHandle)> on_client_gone;  // the client's socket is closed
  };
  // All must outlive the object.
  JoinedConnections(boost::asio::io_context& io, AllocationMeters& meters, TrafficLimits limits,
                    std::shared_ptr<SharedBuckets> shared, ShardCounters& counters,
                    ShardClock& clock, Hooks hooks);
  void SetLimits(const TrafficLimits& limits) { limits_ = limits; }
  void SetSharedBuckets(std::shared_ptr<SharedBuckets> shared) { shared_ = std::move(shared); }

  // `client` is the handle of the client's connection and must be new here.
  void Add(turn::ClientHandle client, SocketConnection::Detached detached, Descriptor peer,
           turn::ConnectionId connection, std::uint64_t allocation_id, turn::UserNumber user);
  // After what was read has been sent. Unknown ones are ignored.
  void End(turn::ConnectionId connection);
  // A few times a second: closes what takes too long to end.
  void CloseOverdue();

  // For connections.
  void OnceReady(StreamSocket& socket, StreamSocket::Direction until, turn::ClientHandle key,
                 Direction direction, bool to_write);
  void Soon(turn::ClientHandle key, Direction direction);
  // Lets it go on when the limits allow, after those of the same allocation that wait already.
  void HoldBack(turn::ClientHandle key, Direction direction,
                const std::shared_ptr<Allowance>& allowance);
  bool HasWaiting(const Allowance& allowance, Direction direction) const;
  void NoteEnded(turn::ClientHandle key);
  void NoteDraining(turn::ClientHandle key);
  void ScheduleRemove(turn::ClientHandle key);
  // Where the next octets may be read. Good until anything else of the shard runs.
  base::MutableBytes ReadRoom() { return base::MutableBytes(room_).first(AtOnce(kReadBytes)); }
  // How many of so many octets may go at once: never more than the limits let pass in a second.
  std::size_t AtOnce(std::size_t bytes) const;
  // Whether the limits allow them now.
  bool Admit(Allowance& allowance, Direction direction, std::size_t bytes);
  void Count(Direction direction, std::size_t bytes);
  base::MonotonicTime now() const { return clock_.now().monotonic; }

 private:
  static constexpr std::size_t kReadBytes = 16 * 1024;
  static constexpr std::chrono::milliseconds kHoldBack{20};
  // Connections that have ended, but whose sides do not agree yet; for more, the oldest is closed.
  static constexpr std::size_t kMaxDraining = 64;

  struct Entry {
    turn::ConnectionId connection;
    std::unique_ptr<JoinedConnection> joined;
  };
  struct HeldBack {
    turn::ClientHandle key;
    Direction direction;
    std::shared_ptr<Allowance> allowance;
  };
  JoinedConnection* Find(turn::ClientHandle key) const;
  std::shared_ptr<Allowance> AllowanceOf(std::uint64_t allocation_id, turn::UserNumber user);
  void LetGoOn();
  void Remove(turn::ClientHandle key);

  boost::asio::io_context& io_;
  AllocationMeters& meters_;
  TrafficLimits limits_;
  std::shared_ptr<SharedBuckets> shared_;
  ShardCounters& counters_;
  ShardClock& clock_;
  Hooks hooks_;
  std::vector<std::uint8_t> room_;
  std::unordered_map<std::uint32_t, Entry> entries_;                        // by client
  std::unordered_map<std::uint32_t, turn::ClientHandle> by_connection_;     // that have not ended
  std::unordered_map<std::uint64_t, std::weak_ptr<Allowance>> allowances_;  // by allocation
  std::deque<HeldBack> held_back_;  // who waits longest first
  std::deque<turn::ClientHandle> draining_;
  boost::asio::steady_timer hold_back_;
};

}  // namespace relay
