#include "server/net/joined_connections.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <set>
#include <utility>

#include "server/datapath/userspace/traffic_counts.h"
#include "server/net/socket_protocol.h"

namespace relay {

JoinedConnections::JoinedConnections(boost::asio::io_context& io, AllocationMeters& meters,
                                     TrafficLimits limits, std::shared_ptr<SharedBuckets> shared,
                                     ShardCounters& counters, ShardClock& clock, Hooks hooks)
    : io_(io),
      meters_(meters),
      limits_(limits),
      shared_(std::move(shared)),
      counters_(counters),
      clock_(clock),
      hooks_(std::move(hooks)),
      room_(kReadBytes),
      hold_back_(io) {}

void JoinedConnections::Add(turn::ClientHandle client, SocketConnection::Detached detached,
                            Descriptor peer, turn::ConnectionId connection,
                            std::uint64_t allocation_id, turn::UserNumber user) {
  const auto protocol = ProtocolOf(peer.get());
  boost::asio::ip::tcp::socket socket(io_);
  TuneClientSocket(peer.get());
  socket.assign(protocol, peer.Release());
  auto joined = std::make_unique<JoinedConnection>(
      *this, client, std::move(detached.socket), StreamSocket(std::move(socket)),
      std::move(detached.unread), std::move(detached.unsent), AllowanceOf(allocation_id, user));
  JoinedConnection& added = *joined;
  entries_.emplace(client.value, Entry{connection, std::move(joined)});
  by_connection_.emplace(connection.value, client);
  added.Start();
}

std::shared_ptr<Allowance> JoinedConnections::AllowanceOf(std::uint64_t allocation_id,
                                                          turn::UserNumber user) {
  std::shared_ptr<Allowance> allowance = allowances_[allocation_id].lock();
  if (allowance == nullptr) {
    std::erase_if(allowances_, [](const auto& each) { return each.second.expired(); });
    allowance = std::make_shared<Allowance>();
    allowance->meter = meters_.Of(allocation_id, now());
    allowance->user = user;
    allowances_[allocation_id] = allowance;
  }
  return allowance;
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

void JoinedConnections::HoldBack(turn::ClientHandle key, Direction direction,
                                 const std::shared_ptr<Allowance>& allowance) {
  ++allowance->waiting[LabelIndex(direction)];
  held_back_.push_back({key, direction, allowance});
  if (held_back_.size() > 1) return;
  hold_back_.expires_after(kHoldBack);
  hold_back_.async_wait([this](boost::system::error_code error) {
    if (!error) LetGoOn();
  });
}

void JoinedConnections::LetGoOn() {
  clock_.Refresh();
  std::vector<HeldBack> still_held_back;
  std::vector<HeldBack> admitted;
  std::set<std::pair<const Allowance*, Direction>> used_up;
  for (HeldBack& each : std::exchange(held_back_, {})) {
    JoinedConnection* const connection = Find(each.key);
    const auto allowance = std::pair(std::as_const(each.allowance).get(), each.direction);
    if (connection == nullptr) {
      --each.allowance->waiting[LabelIndex(each.direction)];
    } else if (!used_up.contains(allowance) && connection->AdmitHeldBack(each.direction)) {
      admitted.push_back(std::move(each));
    } else {
      used_up.insert(allowance);
      still_held_back.push_back(std::move(each));
    }
  }
  held_back_.assign(std::make_move_iterator(still_held_back.begin()),
                    std::make_move_iterator(still_held_back.end()));
  if (!held_back_.empty()) {
    hold_back_.expires_after(kHoldBack);
    hold_back_.async_wait([this](boost::system::error_code error) {
      if (!error) LetGoOn();
    });
  }
  // They read on, and queue up behind those that still wait.
  for (const HeldBack& each : admitted) {
    --each.allowance->waiting[LabelIndex(each.direction)];
    if (JoinedConnection* const connection = Find(each.key)) connection->GoOn(each.direction);
  }
}

bool JoinedConnections::HasWaiting(const Allowance& allowance, Direction direction) const {
  return allowance.waiting[LabelIndex(direction)] != 0;
}

void JoinedConnections::NoteEnded(turn::ClientHandle key) {
  const turn::ConnectionId connection = entries_.at(key.value).connection;
  if (by_connection_.erase(connection.value) == 0) return;
  hooks_.on_ended(connection);
}

void JoinedConnections::NoteDraining(turn::ClientHandle key) {
  draining_.push_back(key);
  if (draining_.size() > kMaxDraining) {
    ScheduleRemove(draining_.front());
    draining_.pop_front();
  }
}

void JoinedConnections::ScheduleRemove(turn::ClientHandle key) {
  boost::asio::post(io_, [this, key] { Remove(key); });
}

void JoinedConnections::Remove(turn::ClientHandle key) {
  if (Find(key) == nullptr) return;
  NoteEnded(key);
  std::erase(draining_, key);
  entries_.erase(key.value);
  hooks_.on_client_gone(key);
}

std::size_t JoinedConnections::AtOnce(std::size_t bytes) const {
  const auto lower = [](std::size_t most, std::uint64_t rate) {
    return rate == 0 ? most : std::min<std::size_t>(most, rate);
  };
  // Of what allocations share, half is kept for the modest.
  const SharedLimits& shared = limits_.shared;
  const std::size_t most = lower(lower(bytes, limits_.allocation.bytes_per_second),
                                 (shared.user.bytes_per_second + 1) / 2);
  return lower(most, (shared.total.bytes_per_second + 1) / 2);
}

bool JoinedConnections::Admit(Allowance& allowance, Direction direction, std::size_t bytes) {
  return allowance.meter->Admit(direction, limits_.allocation, bytes, now(),
                                shared_->Of(allowance.user, direction, limits_.shared));
}

void JoinedConnections::Count(Direction direction, std::size_t bytes) {
  CountRelayed(counters_, direction, true, bytes);
}

}  // namespace relay
