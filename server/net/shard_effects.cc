#include "server/net/shard_effects.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <variant>

#include "server/datapath/userspace/traffic_counts.h"
#include "server/net/listener_socket.h"
#include "server/net/shard.h"

namespace relay {

static_assert(kAuthFailureLabels.size() == turn::kAuthFailureCount);
static_assert(kCloseReasonLabels.size() == turn::kCloseReasonCount);
static_assert(kQuotaScopeLabels.size() == turn::kQuotaScopeCount);
static_assert(kDropReasonLabels.size() == turn::kDropReasonCount);

ShardEffects::ShardEffects(Forwarder& forwarder, RouteFanout& routes, ConnectedClients& connected,
                           PacketPoller& poller, ShardCounters& counters, const ShardClock& clock,
                           HopLimits hop_limits, UsageMeter& usage, AllocationMeters& meters)
    : forwarder_(forwarder),
      routes_(routes),
      connected_(connected),
      poller_(poller),
      counters_(counters),
      clock_(clock),
      hop_limits_(hop_limits),
      usage_(usage),
      meters_(meters) {}

void ShardEffects::SendToClient(const turn::Client& client, base::Bytes message) {
  if (client.five_tuple.transport == base::Transport::kUdp)
    return forwarder_.SendToClient(client, message);
  connected_.SendControl(client, message);
}

void ShardEffects::SendDataToClient(const turn::Client& client, base::Bytes message,
                                    std::size_t payload_bytes) {
  if (!forwarder_.AdmitArrived(payload_bytes, clock_.now().monotonic)) return;
  const base::Transport transport = client.five_tuple.transport;
  const bool is_udp = transport == base::Transport::kUdp;
  if (is_udp && !forwarder_.SendToClientInPlace(client, message)) return;
  CountRelayed(counters_, Direction::kPeerToClient, base::IsStream(transport), payload_bytes);
  forwarder_.CarryToClient(payload_bytes);
  if (is_udp) return;
  connected_.SendData(client, message);
}

void ShardEffects::SendToPeer(const turn::Client& client, turn::RelayHandle relay,
                              const turn::PeerAddress& peer, base::Bytes payload,
                              bool dont_fragment) {
  forwarder_.SendToPeer(relay.value, peer, payload, dont_fragment,
                        base::IsStream(client.five_tuple.transport), clock_.now().monotonic);
}

std::optional<turn::RelayHandle> ShardEffects::OpenRelay(
    const turn::RelayedTransportAddress& address) {
  OpenRelayResult opened = OpenRelaySocket(address.endpoint);
  if (opened.error != 0) return std::nullopt;
  // Without them what is relayed has the system's defaults.
  const int family = address.endpoint.address.is_v4() ? AF_INET : AF_INET6;
  EnableIpFields(opened.descriptor.get(), family, hop_limits_);
  newest_ = {opened.descriptor.Release()};
  return newest_;
}

void ShardEffects::StartRelay(turn::RelayHandle relay, const turn::RelayedTransportAddress& address,
                              turn::UserNumber user) {
  const bool is_new = relay == std::exchange(newest_, {});
  forwarder_.AddRelay(relay.value, address, user,
                      is_new ? Forwarder::Origin::kNew : Forwarder::Origin::kTakenOver);
  poller_.Add(relay.value);
}

void ShardEffects::LimitRelay(turn::RelayHandle relay) { forwarder_.LimitRelay(relay.value); }

void ShardEffects::StopRelay(turn::RelayHandle relay) {
  forwarder_.RemoveRelay(relay.value);
  poller_.Remove(relay.value);
}

void ShardEffects::CloseRelay(turn::RelayHandle relay) {
  if (relay == newest_) newest_ = {};
  forwarder_.RemoveRelay(relay.value);
  // Closing would take it out of the poller's set, unless another process has the socket as well:
  // one that was to take over, and has not ended yet.
  poller_.Remove(relay.value);
  const Descriptor closed(relay.value);
}

void ShardEffects::PostToShard(turn::ShardIndex shard, turn::EngineMessage message) {
  // A mailbox takes what can be copied, and a message may own something.
  const auto shared = std::make_shared<turn::EngineMessage>(std::move(message));
  mailboxes_[shard.value]->PostOfEngine(
      [shared](Shard& receiver) { receiver.OnEngineMessage(std::move(*shared)); });
}

void ShardEffects::Report(const turn::Event& event) {
  std::visit([this](const auto& specific) { On(specific); }, event);
}

void ShardEffects::On(const turn::RequestAnswered& event) {
  const auto code = event.error ? static_cast<std::uint16_t>(*event.error) : std::uint16_t{0};
  counters_.requests[MethodIndex(static_cast<std::uint16_t>(event.method))][OutcomeIndex(code)]
      .Add();
}

void ShardEffects::On(const turn::AuthenticationFailed& event) {
  counters_.auth_failures[LabelIndex(event.reason)].Add();
}

void ShardEffects::NoteAllocation(const turn::Client& client, const base::Endpoint& relayed,
                                  int delta) {
  const base::Transport transport = client.five_tuple.transport;
  counters_.allocations[LabelIndex(transport)][LabelIndex(relayed.address.family())].Add(delta);
  connected_.AddAllocations(client, delta);
}

void ShardEffects::On(const turn::AllocationOpened& event) {
  NoteAllocation(event.client, event.relayed, 1);
  usage_.OnOpened(event.relay, event.allocation_id, event.tenant, clock_.now());
  counters_.allocations_created.Add();
}

void ShardEffects::On(const turn::AllocationClosed& event) {
  NoteAllocation(event.client, event.relayed, -1);
  log_.OnClosed(event, usage_.OnGone(event.relay, clock_.now()), clock_.now().monotonic);
  counters_.allocations_closed[LabelIndex(event.reason)].Add();
  counters_.ObserveAllocationDuration(event.age);
}

void ShardEffects::On(const turn::AllocationMoved& event) {
  NoteAllocation(event.client, event.relayed, event.delta);
  if (event.delta > 0) {
    usage_.OnCome(event.relay, event.allocation_id, event.tenant, meters_.Arrive(event.relay),
                  clock_.now());
  } else {
    meters_.Leave(event.relay, usage_.OnGone(event.relay, clock_.now()));
  }
}

void ShardEffects::On(const turn::PermissionsChanged& event) {
  counters_.permissions.Add(event.delta);
}

void ShardEffects::On(const turn::ChannelsChanged& event) { counters_.channels.Add(event.delta); }

void ShardEffects::On(const turn::QuotaRejected& event) {
  counters_.quota_rejections[LabelIndex(event.scope)].Add();
}

void ShardEffects::On(const turn::PacketDropped& event) { CountDrop(counters_, event.reason); }

}  // namespace relay
