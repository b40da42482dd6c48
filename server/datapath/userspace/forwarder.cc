#include "server/datapath/userspace/forwarder.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "protocol/base/check.h"
#include "server/datapath/userspace/packet_batch.h"
#include "server/datapath/userspace/traffic_counts.h"

namespace relay {
namespace {

// Turns DF on for what is sent until the end of the scope (RFC 8656 section 14); IPv4 only.
class DontFragmentScope {
 public:
  explicit DontFragmentScope(int socket) : socket_(socket) { Set(IP_PMTUDISC_PROBE); }
  ~DontFragmentScope() { Set(IP_PMTUDISC_OMIT); }
  DontFragmentScope(const DontFragmentScope&) = delete;
  DontFragmentScope& operator=(const DontFragmentScope&) = delete;

 private:
  void Set(int mode) { ::setsockopt(socket_, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode)); }
  int socket_;
};

ReceiveDrops TakeOver(int socket) {
  SetFloodFilter(socket, {});
  return ReceiveDrops(ReceiveDrops::Ask(socket).value_or(0));
}

int FamilyOf(const RelaySocket& relay) {
  return relay.address.endpoint.address.is_v4() ? AF_INET : AF_INET6;
}

}  // namespace

Forwarder::Forwarder(const turn::Ledger& ledger, std::vector<ListenerSocket> listeners,
                     TrafficLimits limits, std::shared_ptr<SharedBuckets> shared, SendQueue& queue,
                     ShardCounters& counters, OwnRelays& own_relays)
    : ledger_(ledger),
      listeners_(std::move(listeners)),
      limits_(limits),
      shared_(std::move(shared)),
      queue_(queue),
      counters_(counters),
      own_relays_(own_relays),
      handovers_(own_relays) {}

void Forwarder::Start() {
  for (ListenerSocket& listener : listeners_) listener.receive_drops = TakeOver(listener.socket);
}

void Forwarder::AddRelay(int socket, const turn::RelayedTransportAddress& address,
                         turn::UserNumber user, Origin origin) {
  const auto index = static_cast<std::size_t>(socket);
  if (index >= relays_.size()) relays_.resize(index + 1);
  auto relay = std::make_unique<RelaySocket>();
  relay->socket = socket;
  relay->address = address;
  relay->user = user;
  if (origin == Origin::kTakenOver) relay->receive_drops = TakeOver(socket);
  relays_[index] = std::move(relay);
  own_relays_.Add(address.endpoint, {.socket = socket, .is_in_round = &is_in_round_});
}

void Forwarder::LimitRelay(int socket) {
  RelaySocket* relay = FindRelay(socket);
  CHECK(relay != nullptr);
  relay->is_limited = true;
}

RateLimits Forwarder::LimitsOf(const RelaySocket& relay) const {
  const RateLimits& usual = limits_.allocation;
  if (!relay.is_limited) return usual;
  const auto lower = [](std::uint64_t one, std::uint64_t other) {
    return one == 0 ? other : std::min(one, other);
  };
  return {.bytes_per_second = lower(usual.bytes_per_second, kLimited.bytes_per_second),
          .packets_per_second = lower(usual.packets_per_second, kLimited.packets_per_second)};
}

void Forwarder::RemoveRelay(int socket) {
  // Answers that wait for the end of the batch go on waiting.
  if (queue_.HasOf(socket)) queue_.Flush();
  const RelaySocket* relay = FindRelay(socket);
  if (relay == nullptr) return;
  for (const FlowGauge& gauge : relay->gauges) floods_.Forget(gauge);
  own_relays_.Remove(relay->address.endpoint, socket);
  // It may go on in another shard.
  if (relay->hop_limit.value() != 0) SetHopLimit(socket, FamilyOf(*relay), 0);
  relays_[static_cast<std::size_t>(socket)].reset();
}

RelaySocket* Forwarder::FindRelay(int socket) {
  const auto index = static_cast<std::size_t>(socket);
  return index < relays_.size() ? relays_[index].get() : nullptr;
}

RelayTraffic Forwarder::TakeTraffic(turn::RelayHandle relay) {
  RelaySocket* const found = FindRelay(relay.value);
  return found == nullptr ? RelayTraffic{} : std::exchange(found->carried, {});
}

std::optional<turn::Route> Forwarder::FindRoute(const turn::RouteKey& key) {
  const RouteEntry* const entry = routes_.FindByChannel(key.client.five_tuple, key.channel);
  if (entry == nullptr || entry->handle != key.relay || entry->peer != key.peer) return {};
  const RelaySocket* const relay = FindRelay(key.relay.value);
  if (relay == nullptr) return {};
  return turn::Route{.client = entry->client,
                     .channel = entry->channel,
                     .relay = entry->handle,
                     .relayed = relay->address,
                     .peer = entry->peer,
                     .peer_is_own_relay = entry->peer_is_own_relay,
                     .is_limited = relay->is_limited,
                     .user = relay->user,
                     .deadline = entry->deadline};
}

void Forwarder::Install(const turn::Route& route) {
  RelaySocket* relay = FindRelay(route.relay.value);
  CHECK(relay != nullptr);
  RouteEntry entry{.client = route.client,
                   .channel = route.channel,
                   .peer_is_own_relay = route.peer_is_own_relay,
                   .handle = route.relay,
                   .peer = route.peer,
                   .deadline = route.deadline,
                   .relay = relay,
                   .kernel = {}};
  if (RouteEntry* old = routes_.FindByChannel(route.client.five_tuple, route.channel)) {
    if (old->handle == route.relay && old->peer == route.peer)
      entry.kernel = old->kernel;
    else
      Unshare(*old);
  }
  routes_.Install(entry);
}

void Forwarder::Remove(const turn::RouteKey& key) {
  if (RouteEntry* entry = routes_.FindByChannel(key.client.five_tuple, key.channel))
    Unshare(*entry);
  routes_.Remove(key);
}

void Forwarder::SetShare(const turn::RouteKey& key, const std::optional<KernelShare>& share) {
  RouteEntry* entry = routes_.FindByChannel(key.client.five_tuple, key.channel);
  if (entry == nullptr) return;
  if (share && entry->kernel != nullptr && entry->kernel->handovers == share->handovers) return;
  Unshare(*entry);
  if (!share) return;
  RelaySocket& relay = *entry->relay;
  ++relay.kernel_routes;
  relay.client_to_peer.ShareWith(share->buckets[LabelIndex(Direction::kClientToPeer)]);
  relay.peer_to_client.ShareWith(share->buckets[LabelIndex(Direction::kPeerToClient)]);
  entry->kernel = std::make_shared<KernelRoute>(KernelRoute{.handovers = share->handovers});
  for (const Direction direction : {Direction::kClientToPeer, Direction::kPeerToClient})
    handovers_.Add(entry->kernel, direction, PlaceOf(*entry, direction));
}

WaitingPlace Forwarder::PlaceOf(const RouteEntry& entry, Direction direction) const {
  if (direction == Direction::kPeerToClient) return {entry.relay->socket, {}};
  return {PathOf(entry.client).socket,
          entry.peer_is_own_relay ? std::optional(entry.peer.endpoint) : std::nullopt};
}

void Forwarder::NoteForHandover(const RouteEntry& entry, Direction direction) {
  if (entry.kernel == nullptr) return;
  handovers_.OnPacket(entry.kernel, direction, [&] { return PlaceOf(entry, direction); });
}

void Forwarder::Unshare(RouteEntry& entry) {
  if (entry.kernel == nullptr) return;
  entry.kernel->is_removed = true;
  entry.kernel.reset();
  RelaySocket* relay = FindRelay(entry.handle.value);
  if (relay == nullptr || --relay->kernel_routes != 0) return;
  relay->client_to_peer.ShareWith(nullptr);
  relay->peer_to_client.ShareWith(nullptr);
}

void Forwarder::FromClient(const base::FiveTuple& client, const stun::ChannelDataView& message,
                           base::MonotonicTime now, const IpFields& arrived) {
  RouteEntry* entry = routes_.FindByChannel(client, message.channel);
  if (entry == nullptr || now >= entry->deadline) {
    entry = OnMissingRoute(client, message, now);
    if (entry == nullptr) return;
  }
  NoteForHandover(*entry, Direction::kClientToPeer);
  if (entry->peer_is_own_relay && !ledger_.IsLive(entry->peer.endpoint)) {
    CountDrop(counters_, turn::DropReason::kPolicy);
    return;
  }
  const std::optional<IpFields> fields = PassOn(arrived);
  if (!fields) return;
  FlowGauge& gauge = entry->relay->gauges[LabelIndex(Direction::kClientToPeer)];
  if (!Admit(*entry->relay, Direction::kClientToPeer, message.data.size(), now)) {
    // Not by way of a proxy, which may put a header before each.
    const std::size_t listener = entry->client.handle.value;
    if (client.transport == base::Transport::kUdp && listener < listeners_.size())
      floods_.OnRefused(gauge, listeners_[listener].socket,
                        FloodClient{client.client, client.server.address});
    return;
  }
  ++gauge.admitted;
  queue_.Add(entry->relay->socket, ToSocketAddress(entry->peer.endpoint), message.data, nullptr,
             BeyondOption(*entry->relay, *fields));
  CountRelayed(counters_, Direction::kClientToPeer, base::IsStream(client.transport),
               message.data.size());
  entry->relay->carried[LabelIndex(Direction::kClientToPeer)].Count(message.data.size());
}

RouteEntry* Forwarder::OnMissingRoute(const base::FiveTuple& client,
                                      const stun::ChannelDataView& message,
                                      base::MonotonicTime now) {
  const turn::Unrouted answer =
      on_unrouted_ ? on_unrouted_(client, message) : turn::Unrouted::kNobodys;
  if (answer == turn::Unrouted::kTaken) return nullptr;
  if (answer == turn::Unrouted::kRouted) {
    RouteEntry* entry = routes_.FindByChannel(client, message.channel);
    if (entry != nullptr && now < entry->deadline) return entry;
  }
  CountDrop(counters_, turn::DropReason::kNoChannel);
  return nullptr;
}

Forwarder::PeerVerdict Forwarder::FromPeer(RelaySocket& relay, const base::Endpoint& source,
                                           base::MutableBytes payload, const IpFields& arrived,
                                           base::MonotonicTime now, const turn::Client** client,
                                           base::MutableBytes* message) {
  RouteEntry* entry = routes_.FindByPeer({relay.socket}, source);
  if (entry == nullptr || now >= entry->deadline) return PeerVerdict::kToEngine;
  NoteForHandover(*entry, Direction::kPeerToClient);
  const base::Transport transport = entry->client.five_tuple.transport;
  // To a connection nothing of the header goes along (RFC 8656 section 16).
  const bool is_udp = transport == base::Transport::kUdp;
  const std::optional<IpFields> fields = is_udp ? PassOn(arrived) : IpFields{};
  if (!fields) return PeerVerdict::kDone;
  if (!AdmitToClient(relay, payload.size(), now)) return PeerVerdict::kDone;
  const ClientPath path = is_udp ? PathOf(entry->client) : ClientPath{};
  if (is_udp && path.socket < 0) {
    CountDrop(counters_, turn::DropReason::kSendFailed);
    return PeerVerdict::kDone;
  }
  base::MutableBytes framed{payload.data() - stun::kChannelDataHeaderBytes,
                            payload.size() + stun::kChannelDataHeaderBytes};
  stun::WriteChannelDataHeader(framed, entry->channel, payload.size());
  const bool is_stream = base::IsStream(transport);
  CountToClient(is_stream, payload.size());
  relay.carried[LabelIndex(Direction::kPeerToClient)].Count(payload.size());
  if (!is_udp) {
    const std::size_t padding = is_stream ? stun::StreamPadding(payload.size()) : 0;
    for (std::size_t i = 0; i < padding; ++i) payload.data()[payload.size() + i] = 0;
    *message = {framed.data(), framed.size() + padding};
    *client = &entry->client;
    return PeerVerdict::kToConnection;
  }
  queue_.Add(path.socket, path.destination, framed, path.source ? &*path.source : nullptr, *fields);
  return PeerVerdict::kDone;
}

void Forwarder::SendToPeer(int socket, const turn::PeerAddress& peer, base::Bytes payload,
                           bool dont_fragment, bool from_stream, base::MonotonicTime now) {
  RelaySocket* relay = FindRelay(socket);
  CHECK(relay != nullptr);
  const std::optional<IpFields> fields = PassOn(arrived_);
  if (!fields) return;
  if (!Admit(*relay, Direction::kClientToPeer, payload.size(), now)) return;
  const SocketAddress destination = ToSocketAddress(peer.endpoint);
  const IpFields rest = BeyondOption(*relay, *fields);
  CountRelayed(counters_, Direction::kClientToPeer, from_stream, payload.size());
  relay->carried[LabelIndex(Direction::kClientToPeer)].Count(payload.size());
  if (dont_fragment && peer.endpoint.address.is_v4()) {
    queue_.Flush();
    DontFragmentScope scope(socket);
    queue_.Add(socket, destination, payload, nullptr, rest);
    queue_.Flush();
    return;
  }
  queue_.Add(socket, destination, payload, nullptr, rest);
}

bool Forwarder::AdmitArrived(std::size_t bytes, base::MonotonicTime now) {
  if (arrived_at_ == nullptr) return true;
  // An error does not come by the filter of the socket, which would take datagrams instead.
  if (arrived_as_ == Arrival::As::kError)
    return Admit(*arrived_at_, Direction::kPeerToClient, bytes, now);
  return AdmitToClient(*arrived_at_, bytes, now);
}

bool Forwarder::AdmitToClient(RelaySocket& relay, std::size_t bytes, base::MonotonicTime now) {
  FlowGauge& gauge = relay.gauges[LabelIndex(Direction::kPeerToClient)];
  if (!Admit(relay, Direction::kPeerToClient, bytes, now)) {
    floods_.OnRefused(gauge, relay.socket, std::nullopt);
    return false;
  }
  ++gauge.admitted;
  return true;
}

bool Forwarder::Admit(RelaySocket& relay, Direction direction, std::size_t bytes,
                      base::MonotonicTime now) {
  RateMeter& meter =
      direction == Direction::kClientToPeer ? relay.client_to_peer : relay.peer_to_client;
  const SharedBuckets::Shares shares = shared_->Of(relay.user, direction, limits_.shared);
  if (meter.Admit(LimitsOf(relay), bytes, now, shares)) return true;
  CountDrop(counters_, turn::DropReason::kOverLimit);
  return false;
}

void Forwarder::CountReceiveDrops(int socket, ReceiveDrops& drops, std::uint32_t reported) {
  const std::uint32_t lost = drops.Learn(reported);
  if (lost == 0) return;
  Counter& counter = floods_.Filters(socket)
                         ? counters_.dropped_packets[LabelIndex(turn::DropReason::kOverLimit)]
                         : counters_.socket_receive_drops;
  counter.Add(lost);
}

void Forwarder::SettleReceiveDrops(int socket) {
  const std::optional<std::uint32_t> total = ReceiveDrops::Ask(socket);
  if (!total) return;
  for (ListenerSocket& listener : listeners_) {
    if (listener.socket == socket) CountReceiveDrops(socket, listener.receive_drops, *total);
  }
  if (RelaySocket* const relay = FindRelay(socket))
    CountReceiveDrops(socket, relay->receive_drops, *total);
}

void Forwarder::SendToClient(const turn::Client& client, base::Bytes message) {
  const ClientPath path = PathOf(client);
  if (path.socket < 0) return CountDrop(counters_, turn::DropReason::kSendFailed);
  queue_.AddCopy(path.socket, path.destination, message, path.source ? &*path.source : nullptr);
}

bool Forwarder::SendToClientInPlace(const turn::Client& client, base::Bytes message) {
  const ClientPath path = PathOf(client);
  if (path.socket < 0) {
    CountDrop(counters_, turn::DropReason::kSendFailed);
    return false;
  }
  const std::optional<IpFields> fields = PassOn(arrived_);
  if (!fields) return false;
  queue_.Add(path.socket, path.destination, message, path.source ? &*path.source : nullptr,
             *fields);
  return true;
}

void Forwarder::CountToClient(bool is_stream, std::size_t bytes) {
  CountRelayed(counters_, Direction::kPeerToClient, is_stream, bytes);
}

void Forwarder::CarryToClient(std::size_t bytes) {
  if (arrived_at_ != nullptr)
    arrived_at_->carried[LabelIndex(Direction::kPeerToClient)].Count(bytes);
}

std::optional<IpFields> Forwarder::PassOn(const IpFields& arrived) {
  const std::optional<IpFields> fields = AfterOneHop(arrived);
  if (!fields) CountDrop(counters_, turn::DropReason::kHopLimit);
  return fields;
}

IpFields Forwarder::BeyondOption(RelaySocket& relay, const IpFields& fields) {
  if (relay.hop_limit.ShouldBecome(fields.hop_limit)) {
    // What is queued was meant for the option as it is.
    queue_.Flush();
    if (SetHopLimit(relay.socket, FamilyOf(relay), fields.hop_limit))
      relay.hop_limit.Set(fields.hop_limit);
  }
  if (fields.hop_limit != relay.hop_limit.value()) return fields;
  return {fields.traffic_class, 0};
}

ClientPath Forwarder::PathOf(const turn::Client& client) const {
  if (client.handle.value >= listeners_.size()) {
    const auto found = paths_.find(client.handle.value);
    return found == paths_.end() ? ClientPath{} : found->second;
  }
  const ListenerSocket& listener = listeners_[client.handle.value];
  ClientPath path{.socket = listener.socket, .destination = {}, .source = std::nullopt};
  path.destination = ToSocketAddress(client.five_tuple.client, listener.family);
  if (listener.is_wildcard) path.source = client.five_tuple.server.address;
  return path;
}

}  // namespace relay
