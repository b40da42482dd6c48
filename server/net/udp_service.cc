#include "server/net/udp_service.h"

#include <array>

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
      overflows_(listeners.size()),
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

void UdpService::OnReady(std::span<const PacketPoller::Ready> sockets) {
  clock_.Refresh();
  std::size_t used = 0;
  for (const auto& [socket, has_errors] : sockets) {
    const auto index = static_cast<std::size_t>(socket);
    if (index < listener_by_socket_.size() && listener_by_socket_[index] >= 0) {
      queue_.Flush();
      used = 0;
      ReadListener(static_cast<std::uint32_t>(listener_by_socket_[index]));
      continue;
    }
    // The socket may have been closed by an earlier packet of this round.
    RelaySocket* const relay = forwarder_.FindRelay(socket);
    if (relay == nullptr) continue;
    if (used + (has_errors ? kErrorsPerTurn : 0) >= PacketBatch::kPackets) {
      queue_.Flush();
      used = 0;
    }
    if (has_errors) used = ReadErrors(*relay, used);
    used = ReadRelay(*relay, used);
  }
  queue_.Flush();
}

void UdpService::ReadListener(std::uint32_t index) {
  const int socket = listeners_[index].socket.get();
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    std::uint32_t overflow = overflows_[index];
    const std::size_t count = batch_.Receive(socket, 0, PacketBatch::kPackets, &overflow);
    counters_.socket_receive_drops.Add(overflow - overflows_[index]);
    overflows_[index] = overflow;
    for (std::size_t packet = 0; packet < count; ++packet) OnClientPacket(index, batch_[packet]);
    queue_.Flush();
    if (count < PacketBatch::kPackets) return;
  }
}

std::size_t UdpService::ReadRelay(RelaySocket& relay, std::size_t used) {
  const int socket = relay.socket;
  const std::size_t count = batch_.Receive(socket, used, PacketBatch::kPackets - used);
  for (std::size_t i = used; i < used + count; ++i) OnPeerPacket(relay, batch_[i]);
  return used + count;
}

std::size_t UdpService::ReadErrors(RelaySocket& relay, std::size_t used) {
  const base::MonotonicTime now = clock_.now().monotonic;
  std::array<DeliveryError, kErrorsPerTurn> errors;
  const std::size_t count = ReadErrorQueue(relay.socket, errors);
  for (const DeliveryError& error : std::span(errors).first(count)) {
    if (!forwarder_.AdmitToClient(relay, 0, now)) continue;
    // The indication is built where a datagram of the peer would be.
    engine_->OnPeerUnreachable({relay.socket}, {error.destination}, error.icmp,
                               batch_.Scratch(used++), clock_.now());
  }
  return used;
}

void UdpService::OnClientPacket(std::uint32_t index, PacketBatch::Packet& packet) {
  if (packet.is_truncated) return CountDrop(counters_, turn::DropReason::kOversizedDatagram);
  if (packet.is_to_group) return CountDrop(counters_, turn::DropReason::kClientDenied);
  const std::optional<turn::Client> client = ClientOf(index, packet);
  if (!client) return CountDrop(counters_, turn::DropReason::kMalformed);
  const bool takes_clear = listeners_[index].takes_clear;
  switch (stun::Classify(packet.payload, last_channel_first_octet_)) {
    case stun::PacketKind::kChannelData:
      if (!takes_clear) break;
      if (const auto data = stun::ParseChannelData(packet.payload))
        return forwarder_.FromClient(client->five_tuple, *data, clock_.now().monotonic,
                                     packet.fields);
      break;
    case stun::PacketKind::kStun: {
      if (!takes_clear) break;
      const Forwarder::Arrival arrival(forwarder_, packet.fields);
      engine_->OnMessage(*client, packet.payload, clock_.now());
      return;
    }
    case stun::PacketKind::kDtls:
      if (!listeners_[index].takes_dtls) break;
      return dtls_.OnDatagram(*client, packet.payload);
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
      if (!forwarder_.AdmitToClient(relay, packet.payload.size(), clock_.now().monotonic)) return;
      const Forwarder::Arrival arrival(forwarder_, packet.fields);
      engine_->OnPeerDatagram({relay.socket}, {source}, packet.payload, clock_.now());
      return;
  }
}

}  // namespace relay
