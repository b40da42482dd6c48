#include "server/net/stream_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/stun/channel_data.h"
#include "protocol/stun/stream_framer.h"
#include "protocol/turn/client_filter.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/datapath/userspace/traffic_counts.h"
#include "server/net/socket_connection.h"
#include "server/net/websocket_connection.h"

namespace relay {

using boost::asio::ip::tcp;
using Step = StreamOpening::Step;

StreamService::StreamService(boost::asio::io_context& io, Forwarder& forwarder, SendQueue& queue,
                             ConnectionCensus& census, ShardCounters& counters, ShardClock& clock,
                             const MemoryLimits& memory)
    : io_(io),
      forwarder_(forwarder),
      queue_(queue),
      counters_(counters),
      clock_(clock),
      backlog_{.crowded_bytes = memory.waiting_data},
      scratch_(2 * std::size_t{stun::StreamFramer::kMaxFrameBytes}),
      seats_(census, counters, memory.strangers),
      edge_http_(io, clock,
                 {.on_websocket =
                      [this](std::uint32_t handle, const base::FiveTuple& five_tuple,
                             std::shared_ptr<WebSocketTransport> transport) {
                        OpenWebSocket(handle, five_tuple, std::move(transport));
                      },
                  .on_end = [this](std::uint32_t handle) { Vacate(handle); }}) {}

void StreamService::Accept(tcp::socket socket, const StreamEntrance& entrance) {
  SocketAddress remote;
  remote.length = sizeof(remote.v6);
  if (::getpeername(socket.native_handle(), &remote.generic, &remote.length) != 0) return;
  const base::Transport transport =
      entrance.kind == StreamEntrance::Kind::kTcp ? base::Transport::kTcp : base::Transport::kTls;
  const base::FiveTuple five_tuple{ToEndpoint(remote.generic),
                                   LocalEndpoint(socket.native_handle()), transport};
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  TuneClientSocket(socket.native_handle());
  while (seats_.Has(next_handle_)) ++next_handle_;
  const std::uint32_t handle = next_handle_++;
  seats_.Take(handle, transport);
  WatchStrangers();
  counters_.connections_accepted[LabelIndex(transport)].Add();
  clock_.Refresh();
  openings_[handle] = std::make_unique<Opening>(StreamSocket(std::move(socket)), entrance,
                                                five_tuple, now().monotonic);
  Advance(handle);
}

void StreamService::Advance(std::uint32_t handle) {
  bool has_worked_on_handshake = false;
  for (;;) {
    Opening& entry = *openings_.at(handle);
    const bool was_handshaking = entry.opening.is_handshaking();
    const Step step = entry.opening.Advance(tls_);
    has_worked_on_handshake =
        has_worked_on_handshake || was_handshaking || entry.opening.is_handshaking();
    NoteHandshake(handle, entry);
    if (step == Step::kAdmit && Admit(handle, entry)) continue;
    if (step == Step::kWaitRead || step == Step::kWaitWrite) {
      const auto direction = step == Step::kWaitRead ? StreamSocket::Direction::kRead
                                                     : StreamSocket::Direction::kWrite;
      // The handler holds no pointer to the opening: it may be gone when it runs.
      entry.opening.socket().AsyncWait(direction, [this, handle](boost::system::error_code error) {
        if (!error && openings_.contains(handle)) Advance(handle);
      });
    } else if (step == Step::kTurn || step == Step::kHttp) {
      Promote(handle, step);
    } else {
      EndOpening(handle);
    }
    break;
  }
  // Whoever else has datagrams waiting does not wait for more than one handshake.
  if (has_worked_on_handshake && serve_datagrams_) serve_datagrams_();
}

bool StreamService::Admit(std::uint32_t handle, Opening& entry) {
  const base::FiveTuple& five_tuple = entry.opening.five_tuple();
  if (turn::IsRefusedClient(*policy_, five_tuple)) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kClientDenied)].Add();
    return false;
  }
  if (!seats_.Admit(handle, five_tuple.client.address)) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kSourceLimit)].Add();
    return false;
  }
  return true;
}

// Keeps the list of handshakes under way, and its length.
void StreamService::NoteHandshake(std::uint32_t handle, Opening& entry) {
  const bool is_handshaking = entry.opening.is_handshaking();
  // With a client that is quick enough it is over before anybody saw it under way.
  if (entry.opening.is_handshake_done() && !entry.has_shaken_hands) {
    entry.has_shaken_hands = true;
    counters_.tls_handshakes[LabelIndex(HandshakeOutcome::kSuccess)].Add();
  }
  if (is_handshaking == entry.is_in_handshakes) return;
  Charge(handle, is_handshaking ? ConnectionSeats::kHandshakeBytes : ConnectionSeats::kTlsBytes);
  if (entry.is_in_handshakes) {
    handshakes_.erase(entry.handshake);
    entry.is_in_handshakes = false;
    return;
  }
  if (handshakes_.size() >= kMaxHandshakes) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kHandshakeLimit)].Add();
    EndOpening(handshakes_.front());
  }
  entry.handshake = handshakes_.insert(handshakes_.end(), handle);
  entry.is_in_handshakes = true;
}

void StreamService::Promote(std::uint32_t handle, Step step) {
  const std::unique_ptr<Opening> entry = std::move(openings_.at(handle));
  openings_.erase(handle);
  const base::FiveTuple& five_tuple = entry->opening.five_tuple();
  seats_.Change(handle, five_tuple.transport);
  if (step == Step::kHttp) {
    Charge(handle, ConnectionSeats::kHttpBytes);
    edge_http_.Accept(handle, std::move(entry->opening.socket()), five_tuple);
    return;
  }
  clock_.Refresh();
  Insert(std::make_unique<SocketConnection>(*this, std::move(entry->opening.socket()),
                                            turn::Client{five_tuple, {handle}}, now().monotonic));
}

void StreamService::OpenWebSocket(std::uint32_t handle, base::FiveTuple five_tuple,
                                  std::shared_ptr<WebSocketTransport> transport) {
  five_tuple.transport = base::Transport::kWss;
  seats_.Change(handle, five_tuple.transport);
  counters_.connections_accepted[LabelIndex(five_tuple.transport)].Add();
  clock_.Refresh();
  Insert(std::make_unique<WebSocketConnection>(
      *this, std::move(transport), turn::Client{five_tuple, {handle}}, now().monotonic));
}

void StreamService::Insert(std::unique_ptr<StreamConnection> connection) {
  StreamConnection& inserted = *connection;
  connections_.emplace(inserted.client().handle.value, std::move(connection));
  inserted.Start();
  ChargeIfStranger(inserted);
}

void StreamService::EndOpening(std::uint32_t handle) {
  const auto found = openings_.find(handle);
  Opening& entry = *found->second;
  if (entry.opening.is_reading_proxy_header())
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kProxyHeader)].Add();
  if (entry.is_in_handshakes) {
    handshakes_.erase(entry.handshake);
    counters_.tls_handshakes[LabelIndex(HandshakeOutcome::kFailure)].Add();
  }
  entry.opening.socket().Close();
  openings_.erase(found);
  Vacate(handle);
}

void StreamService::Charge(std::uint32_t handle, std::size_t bytes) {
  seats_.Charge(handle, bytes);
  WatchStrangers();
}

void StreamService::WatchStrangers() {
  if (!seats_.IsOverLimit() || is_ending_strangers_) return;
  is_ending_strangers_ = true;
  boost::asio::post(io_, [this] { EndStrangers(); });
}

void StreamService::ChargeIfStranger(const StreamConnection& connection) {
  if (connection.has_allocation()) return;
  const turn::Client& client = connection.client();
  const std::size_t itself = client.five_tuple.transport == base::Transport::kTcp
                                 ? ConnectionSeats::kClearBytes
                                 : ConnectionSeats::kTlsBytes;
  Charge(client.handle.value, itself + connection.kept_bytes());
}

void StreamService::NoteAllocations(const StreamConnection& connection) {
  seats_.SetStranger(connection.client().handle.value, !connection.has_allocation());
  ChargeIfStranger(connection);
}

// A few at a time: between them, others are served.
void StreamService::EndStrangers() {
  std::vector<std::uint32_t> strangers = edge_http_.ListHandles();
  for (const auto& [handle, entry] : openings_) strangers.push_back(handle);
  for (const auto& [handle, connection] : connections_) {
    if (!connection->has_allocation()) strangers.push_back(handle);
  }
  const std::size_t count = SortOldest(strangers);
  for (std::size_t i = 0; i < count && !seats_.IsEased(); ++i) {
    const std::uint32_t handle = strangers[i];
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kMemory)].Add();
    if (openings_.contains(handle)) {
      EndOpening(handle);
    } else if (Find({handle}) != nullptr) {
      Close({handle});
    } else {
      edge_http_.End(handle);
    }
  }
  is_ending_strangers_ = count > 0 && !seats_.IsEased();
  if (is_ending_strangers_) boost::asio::post(io_, [this] { EndStrangers(); });
}

// Numbers go up, but for one turn in four thousand million.
std::size_t StreamService::SortOldest(std::vector<std::uint32_t>& handles) {
  const std::size_t count = std::min(handles.size(), kMakeRoomFor);
  std::partial_sort(handles.begin(), handles.begin() + static_cast<std::ptrdiff_t>(count),
                    handles.end());
  return count;
}

void StreamService::MakeRoom() {
  std::vector<std::uint32_t> waiting;
  waiting.reserve(openings_.size());
  for (const auto& [handle, entry] : openings_) waiting.push_back(handle);
  const std::size_t count = SortOldest(waiting);
  for (std::size_t i = 0; i < count; ++i) EndOpening(waiting[i]);
}

StreamConnection* StreamService::Find(turn::ClientHandle handle) {
  const auto found = connections_.find(handle.value);
  return found == connections_.end() ? nullptr : found->second.get();
}

SocketConnection* StreamService::FindSocket(turn::ClientHandle handle) {
  StreamConnection* const connection = Find(handle);
  if (connection == nullptr || connection->client().five_tuple.transport == base::Transport::kWss)
    return nullptr;
  auto* const socket = static_cast<SocketConnection*>(connection);
  return socket->is_ending() ? nullptr : socket;
}

std::optional<SocketConnection::Detached> StreamService::Detach(turn::ClientHandle handle) {
  SocketConnection* const connection = FindSocket(handle);
  if (connection == nullptr) return std::nullopt;
  SocketConnection::Detached detached = connection->Detach();
  connections_.erase(handle.value);
  // It belongs to an allocation now.
  seats_.SetStranger(handle.value, false);
  return detached;
}

void StreamService::ScheduleClose(turn::ClientHandle handle) {
  boost::asio::post(io_, [this, handle] { Close(handle); });
}

void StreamService::Close(turn::ClientHandle handle) {
  const auto found = connections_.find(handle.value);
  if (found == connections_.end()) return;
  const std::unique_ptr<StreamConnection> connection = std::move(found->second);
  connections_.erase(found);
  Vacate(handle.value);
  clock_.Refresh();
  engine_->OnClientGone(connection->client(), now());
}

void StreamService::SetPolicy(std::shared_ptr<const turn::Policy> policy) {
  policy_ = std::move(policy);
  for (const auto& [handle, connection] : connections_) {
    if (turn::IsRefusedClient(*policy_, connection->client().five_tuple)) ScheduleClose({handle});
  }
}

void StreamService::CloseOverdue() {
  const base::MonotonicTime at = now().monotonic;
  for (const auto& [handle, connection] : connections_) {
    if (connection->IsOverdue(at)) ScheduleClose({handle});
  }
  edge_http_.CloseOverdue(at);
  std::vector<std::uint32_t> overdue;
  for (const auto& [handle, entry] : openings_) {
    if (entry->opening.IsOverdue(at)) overdue.push_back(handle);
  }
  for (const std::uint32_t handle : overdue) TimeOut(handle);
}

void StreamService::TimeOut(std::uint32_t handle) {
  Opening& entry = *openings_.at(handle);
  if (entry.is_in_handshakes) {
    handshakes_.erase(entry.handshake);
    entry.is_in_handshakes = false;
    counters_.tls_handshakes[LabelIndex(HandshakeOutcome::kTimeout)].Add();
  }
  EndOpening(handle);
}

void StreamService::OnceReady(StreamSocket& socket, StreamSocket::Direction direction,
                              turn::ClientHandle handle, Resume resume) {
  socket.AsyncWait(direction, [this, handle, resume](boost::system::error_code error) {
    StreamConnection* connection = Find(handle);
    if (connection == nullptr || error) return;
    resume(*connection);
    ChargeIfStranger(*connection);
  });
}

void StreamService::Soon(turn::ClientHandle handle, Resume resume) {
  boost::asio::post(io_, [this, handle, resume] {
    StreamConnection* connection = Find(handle);
    if (connection == nullptr) return;
    resume(*connection);
    ChargeIfStranger(*connection);
  });
}

bool StreamService::OnMessage(const turn::Client& client, base::Bytes message) {
  return engine_->OnMessage(client, message, now()) == turn::Engine::Outcome::kValid;
}

void StreamService::OnChannelData(const turn::Client& client, base::Bytes message) {
  const auto data = stun::ParseChannelData(message);
  if (!data) {
    CountDrop(counters_, turn::DropReason::kMalformed);
    return;
  }
  forwarder_.FromClient(client.five_tuple, *data, now().monotonic);
}

void StreamService::Gather(turn::ClientHandle handle, base::Bytes message) {
  if (handle != gathered_for_) FlushData();
  gathered_for_ = handle;
  if (gathered_.Add(message)) return;
  FlushData();
  gathered_.Add(message);
}

void StreamService::FlushData() {
  if (gathered_.empty()) return;
  if (StreamConnection* connection = Find(gathered_for_))
    static_cast<SocketConnection*>(connection)->SendGathered(gathered_);
  gathered_.Clear();
}

void StreamService::CountDropped(StreamOutput::Dropped dropped) {
  counters_.dropped_packets[LabelIndex(turn::DropReason::kQueueFull)].Add(dropped.full);
  counters_.dropped_packets[LabelIndex(turn::DropReason::kQueueExpired)].Add(dropped.expired);
}

}  // namespace relay
