#include "server/net/udp_service.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "server/datapath/userspace/error_queue.h"
#include "server/datapath/userspace/traffic_counts.h"
#include "server/net/stream_opening.h"

namespace relay {

static_assert(PacketBatch::kHeadroom >= turn::kHeadroomBytes);
static_assert(PacketBatch::kTailroom >= turn::kTailroomBytes);

UdpService::UdpService(std::span<const UdpListener> listeners, Forwarder& forwarder,
                       SendQueue& queue, ConnectedClients& connected, DtlsService& dtls,
                       ProxiedClients& proxied, ShardCounters& counters, ShardClock& clock)
    : listeners_(listeners),
      read_limits_(listeners.size()),
      forwarder_(forwarder),
      queue_(queue),
      connected_(connected),
      dtls_(dtls),
      proxied_(proxied),
      counters_(counters),
      clock_(clock) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const auto socket = static_cast<std::size_t>(listeners[i].socket.get());
    if (socket >= listener_by_socket_.size()) listener_by_socket_.resize(socket + 1, -1);
    listener_by_socket_[socket] = static_cast<std::int32_t>(i);
  }
}

PacketPoller::Served UdpService::OnReady(std::span<const PacketPoller::Ready> sockets,
                                         std::uint8_t round) {
  clock_.Refresh();
  used_ = 0;
  received_ = 0;
  bool had_listener = false;
  for (const auto& [socket, has_errors] : sockets) {
    const auto index = static_cast<std::size_t>(socket);
    if (index < listener_by_socket_.size() && listener_by_socket_[index] >= 0) {
      ReadListener(static_cast<std::uint32_t>(listener_by_socket_[index]), round);
      had_listener = true;
      continue;
    }
    // The socket may have been closed by an earlier packet of this round.
    RelaySocket* const relay = forwarder_.FindRelay(socket);
    if (relay == nullptr) continue;
    if (has_errors) ReadErrors(*relay);
    ReadRelay(*relay, round);
  }
  // More sockets are ready than a round shows, and the listeners have their turn once in many
  // rounds: each of them carries as much as all relay sockets together.
  if (sockets.size() == PacketPoller::kReadyPerRound && !had_listener) {
    for (std::uint32_t i = 0; i < listeners_.size(); ++i) ReadListener(i, round);
  }
  Flush();
  return {received_, AnswerStrangersInTurn()};
}

bool UdpService::AnswerStrangersInTurn() {
  const bool is_burst = strangers_.size() > kStrangersPerRound;
  // Who waits for this processor, such as who is in a call, goes first, and is looked for again.
  if (is_burst && !std::exchange(has_yielded_, true)) {
    ::sched_yield();
    return true;
  }
  if (!is_burst) has_yielded_ = false;
  AnswerSome();
  return !strangers_.empty();
}

void UdpService::AnswerSome() {
  for (std::size_t i = 0; i < kStrangersPerRound; ++i) {
    const StrangerQueue::Datagram* const oldest = strangers_.Take();
    if (oldest == nullptr) break;
    Answer(*oldest);
    // It may be a client now, which waits for nobody.
    const turn::Client client = oldest->client;
    if (!IsStranger(client, stun::PacketKind::kStun)) AnswerOwn(client.five_tuple);
  }
  Flush();
}

void UdpService::Answer(const StrangerQueue::Datagram& stranger) {
  // The proxy's clients may have become too many meanwhile.
  if (!proxied_.Has(stranger.client.handle))
    return CountDrop(counters_, turn::DropReason::kClientDenied);
  Serve(stranger.listener, stranger.client,
        stun::Classify(stranger.octets, last_channel_first_octet_), stranger.octets,
        stranger.fields);
}

bool UdpService::AnswerOwn(const base::FiveTuple& client) {
  bool has_answered = false;
  while (const StrangerQueue::Datagram* const own = strangers_.TakeOf(client)) {
    Answer(*own);
    has_answered = true;
  }
  return has_answered;
}

void UdpService::AnswerStrangers() {
  clock_.Refresh();
  while (!strangers_.empty()) AnswerSome();
}

void UdpService::Flush() {
  connected_.FlushData();
  queue_.Flush();
}

void UdpService::MakeRoom(std::size_t packets) {
  if (used_ + packets <= PacketBatch::kPackets) return;
  Flush();
  used_ = 0;
}

std::size_t UdpService::Receive(int socket, std::size_t limit, ReceiveDrops& drops) {
  std::uint32_t overflow = drops.total();
  const std::size_t count = batch_.Receive(socket, used_, limit, &overflow);
  if (overflow != drops.total()) forwarder_.CountReceiveDrops(socket, drops, overflow);
  received_ += count;
  return count;
}

void UdpService::ReadListener(std::uint32_t index, std::uint8_t round) {
  const int socket = listeners_[index].socket.get();
  ReadLimit& read_limit = read_limits_[index];
  read_limit.OnReady(round);
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const std::size_t limit = read_limit.value();
    MakeRoom(limit);
    const std::size_t count = Receive(socket, limit, forwarder_.listener(index).receive_drops);
    read_limit.OnRead(count, round);
    const std::size_t end = used_ + count;
    for (; used_ < end; ++used_) OnClientPacket(index, batch_[used_]);
    if (count < ReadLimit::kMost) return;
  }
}

void UdpService::ReadRelay(RelaySocket& relay, std::uint8_t round) {
  MakeRoom(1);
  relay.read_limit.OnReady(round);
  const std::size_t limit = std::min(relay.read_limit.value(), PacketBatch::kPackets - used_);
  const std::size_t count = Receive(relay.socket, limit, relay.receive_drops);
  // A read that the batch cut short says nothing about the socket, unless it found less.
  if (limit == relay.read_limit.value() || count < limit) relay.read_limit.OnRead(count, round);
  const std::size_t end = used_ + count;
  for (; used_ < end; ++used_) OnPeerPacket(relay, batch_[used_]);
}

void UdpService::ReadErrors(RelaySocket& relay) {
  MakeRoom(kErrorsPerTurn);
  std::array<DeliveryError, kErrorsPerTurn> errors;
  const std::size_t count = ReadErrorQueue(relay.socket, errors);
  for (const DeliveryError& error : std::span(errors).first(count)) {
    // What of it is for the client counts towards its limits, as what peers send does.
    const Forwarder::Arrival arrival(forwarder_, {}, &relay, Forwarder::Arrival::As::kError);
    // The indication is built where a datagram of the peer would be.
    engine_->OnPeerUnreachable({relay.socket}, {error.destination}, error.icmp,
                               batch_.Scratch(used_++), clock_.now());
  }
}

void UdpService::OnClientPacket(std::uint32_t index, PacketBatch::Packet& packet) {
  if (packet.is_truncated) return CountDrop(counters_, turn::DropReason::kOversizedDatagram);
  if (packet.is_to_group) return CountDrop(counters_, turn::DropReason::kClientDenied);
  const std::optional<turn::Client> client = ClientOf(index, packet);
  if (!client) return CountDrop(counters_, turn::DropReason::kMalformed);
  const stun::PacketKind kind = stun::Classify(packet.payload, last_channel_first_octet_);
  if (IsStranger(*client, kind) && Defer(index, *client, kind, packet)) return;
  Serve(index, *client, kind, packet.payload, packet.fields);
}

bool UdpService::IsStranger(const turn::Client& client, stun::PacketKind kind) const {
  switch (kind) {
    case stun::PacketKind::kStun:
      return !engine_->HasAllocation(client.five_tuple);
    case stun::PacketKind::kDtls:
      return !dtls_.HasAssociation(client.five_tuple);
    case stun::PacketKind::kChannelData:
    case stun::PacketKind::kOther:
      break;  // quickly done
  }
  return false;
}

bool UdpService::Defer(std::uint32_t index, const turn::Client& client, stun::PacketKind kind,
                       const PacketBatch::Packet& packet) {
  if (packet.payload.size() > StrangerQueue::kMostOctets) {
    AnswerOwn(client.five_tuple);
    return false;
  }
  if (strangers_.full()) {
    AnswerSome();
    if (!IsStranger(client, kind)) return false;  // an answer has made it a client
  }
  strangers_.Add({index, client, packet.fields, packet.payload});
  return true;
}

void UdpService::Serve(std::uint32_t index, const turn::Client& client, stun::PacketKind kind,
                       base::MutableBytes octets, const IpFields& fields) {
  const UdpListener& listener = listeners_[index];
  switch (kind) {
    case stun::PacketKind::kChannelData:
      if (!listener.takes_clear) break;
      if (const auto data = stun::ParseChannelData(octets))
        return forwarder_.FromClient(client.five_tuple, *data, clock_.now().monotonic, fields);
      break;
    case stun::PacketKind::kStun: {
      if (!listener.takes_clear) break;
      const Forwarder::Arrival arrival(forwarder_, fields);
      engine_->OnMessage(client, octets, clock_.now());
      return;
    }
    case stun::PacketKind::kDtls:
      if (!listener.takes_dtls) break;
      return dtls_.OnDatagram(client, octets);
    case stun::PacketKind::kOther:
      break;
  }
  CountDrop(counters_, turn::DropReason::kMalformed);
}

std::optional<turn::Client> UdpService::ClientOf(std::uint32_t index, PacketBatch::Packet& packet) {
  const UdpListener& listener = listeners_[index];
  const base::Endpoint source = ToEndpoint(packet.source.generic);
  const base::Endpoint local{listener.is_wildcard ? packet.local : listener.bound.address,
                             listener.bound.port};
  if (!listener.trusted_proxies.empty() && IsTrustedProxy(listener.trusted_proxies, source.address))
    return proxied_.Resolve({index, source, local}, packet.payload, clock_.now().monotonic);
  return turn::Client{{source, local, base::Transport::kUdp}, {index}};
}

void UdpService::OnPeerPacket(RelaySocket& relay, PacketBatch::Packet& packet) {
  if (packet.is_truncated) return CountDrop(counters_, turn::DropReason::kOversizedDatagram);
  const base::Endpoint source = ToEndpoint(packet.source.generic);
  const turn::Client* client = nullptr;
  base::MutableBytes message;
  switch (forwarder_.FromPeer(relay, source, packet.payload, packet.fields, clock_.now().monotonic,
                              &client, &message)) {
    case Forwarder::PeerVerdict::kDone:
      return;
    case Forwarder::PeerVerdict::kToConnection:
      connected_.SendData(*client, message);
      return;
    case Forwarder::PeerVerdict::kToEngine:
      const Forwarder::Arrival arrival(forwarder_, packet.fields, &relay);
      engine_->OnPeerDatagram({relay.socket}, {source}, packet.payload, clock_.now());
      return;
  }
}

}  // namespace relay
