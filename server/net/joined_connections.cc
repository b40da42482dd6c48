#include "server/net/joined_connections.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "server/datapath/userspace/traffic_counts.h"
#include "server/net/socket_protocol.h"

namespace relay {

JoinedConnections::JoinedConnections(boost::asio::io_context& io, RateLimits limits,
                                     ShardCounters& counters, ShardClock& clock, Hooks hooks)
    : io_(io),
      limits_(limits),
      counters_(counters),
      clock_(clock),
      hooks_(std::move(hooks)),
      room_(kReadBytes),
      throttle_(io) {}

void JoinedConnections::Add(turn::ClientHandle client, SocketConnection::Detached detached,
                            Descriptor peer, turn::ConnectionId connection,
                            std::uint64_t allocation_id) {
  const auto protocol = ProtocolOf(peer.get());
  boost::asio::ip::tcp::socket socket(io_);
  TuneClientSocket(peer.get());
  socket.assign(protocol, peer.Release());
  auto joined = std::make_unique<JoinedConnection>(
      *this, client, std::move(detached.socket), StreamSocket(std::move(socket)),
      std::move(detached.unread), std::move(detached.unsent), MetersOf(allocation_id));
  JoinedConnection& added = *joined;
  entries_.emplace(client.value, Entry{connection, std::move(joined)});
  by_connection_.emplace(connection.value, client);
  added.Start();
}

std::shared_ptr<JoinedMeters> JoinedConnections::MetersOf(std::uint64_t allocation_id) {
  std::weak_ptr<JoinedMeters>& known = meters_[allocation_id];
  std::shared_ptr<JoinedMeters> meters = known.lock();
  if (meters == nullptr) {
    std::erase_if(meters_, [&](const auto& each) {
      return each.first != allocation_id && each.second.expired();
    });
    meters = std::make_shared<JoinedMeters>();
    meters_[allocation_id] = meters;
  }
  return meters;
}

void JoinedConnections::End(turn::ConnectionId connection) {
  const auto found = by_connection_.extract(connection.value);
  if (!found.empty()) entries_.at(found.mapped().value).joined->End();
}

void JoinedConnections::CloseOverdue() {
  std::vector<turn::ClientHandle> overdue;
  for (const auto& [key, entry] : entries_) {
    if (entry.joined->IsOverdue(now())) overdue.push_back({key});
  }
  for (const turn::ClientHandle key : overdue) Remove(key);
}

JoinedConnection* JoinedConnections::Find(turn::ClientHandle key) const {
  const auto found = entries_.find(key.value);
  return found == entries_.end() ? nullptr : found->second.joined.get();
}

// Handlers hold no pointer to the connection: it may be gone when they run.
void JoinedConnections::OnceReady(StreamSocket& socket, StreamSocket::Direction until,
                                  turn::ClientHandle key, Direction direction, bool to_write) {
  socket.AsyncWait(until, [this, key, direction, to_write](boost::system::error_code error) {
    JoinedConnection* const connection = Find(key);
    if (connection == nullptr || error) return;
    clock_.Refresh();
    connection->OnReady(direction, to_write);
  });
}

void JoinedConnections::Soon(turn::ClientHandle key, Direction direction) {
  boost::asio::post(io_, [this, key, direction] {
    JoinedConnection* const connection = Find(key);
    if (connection == nullptr) return;
    clock_.Refresh();
    connection->GoOn(direction);
  });
}

void JoinedConnections::Throttle(turn::ClientHandle key) {
  throttled_.insert(key.value);
  if (throttled_.size() > 1) return;
  throttle_.expires_after(kThrottle);
  throttle_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    clock_.Refresh();
    for (const std::uint32_t client : std::exchange(throttled_, {})) {
      if (JoinedConnection* const connection = Find({client})) connection->Resume();
    }
  });
}

void JoinedConnections::NoteEnded(turn::ClientHandle key) {
  const turn::ConnectionId connection = entries_.at(key.value).connection;
  if (by_connection_.erase(connection.value) != 0) hooks_.on_ended(connection);
}

void JoinedConnections::ScheduleRemove(turn::ClientHandle key) {
  boost::asio::post(io_, [this, key] { Remove(key); });
}

void JoinedConnections::Remove(turn::ClientHandle key) {
  if (Find(key) == nullptr) return;
  NoteEnded(key);
  entries_.erase(key.value);
  hooks_.on_client_gone(key);
}

base::MutableBytes JoinedConnections::ReadRoom() {
  const std::size_t limit = limits_.bytes_per_second == 0
                                ? kReadBytes
                                : std::min<std::size_t>(kReadBytes, limits_.bytes_per_second);
  return base::MutableBytes(room_).first(limit);
}

bool JoinedConnections::Admit(RateMeter& meter, std::size_t bytes) {
  return meter.Admit(limits_, bytes, now());
}

void JoinedConnections::Count(Direction direction, std::size_t bytes) {
  CountRelayed(counters_, direction, true, bytes);
}

}  // namespace relay
