#pragma once

#include <optional>
#include <span>

#include "protocol/turn/effects.h"
#include "server/datapath/route_fanout.h"
#include "server/datapath/userspace/forwarder.h"
#include "server/datapath/userspace/ip_fields.h"
#include "server/metrics/shard_counters.h"
#include "server/net/allocation_log.h"
#include "server/net/allocation_meters.h"
#include "server/net/connected_clients.h"
#include "server/net/packet_poller.h"
#include "server/net/shard_clock.h"
#include "server/net/shard_mailbox.h"
#include "server/net/usage_meter.h"

namespace relay {

// What the engine's calls mean in a shard: sockets, the forwarder's routes, connections, counters.
// Shard's thread only.
class ShardEffects final : public turn::Effects {
 public:
  // All must outlive the effects.
  ShardEffects(Forwarder& forwarder, RouteFanout& routes, ConnectedClients& connected,
               PacketPoller& poller, ShardCounters& counters, const ShardClock& clock,
               HopLimits hop_limits, UsageMeter& usage, AllocationMeters& meters);
  // The mailboxes of all shards by their numbers. Before the first message.
  void SetMailboxes(std::span<ShardMailbox* const> mailboxes) { mailboxes_ = mailboxes; }

  void SendToClient(const turn::Client& client, base::Bytes message) override;
  bool HasClient(const turn::Client& client) override { return connected_.Has(client); }
  void SendDataToClient(const turn::Client& client, base::Bytes message,
                        std::size_t payload_bytes) override;
  void SendToPeer(const turn::Client& client, turn::RelayHandle relay,
                  const turn::PeerAddress& peer, base::Bytes payload, bool dont_fragment) override;
  std::optional<turn::RelayHandle> OpenRelay(const turn::RelayedTransportAddress& address) override;
  void StartRelay(turn::RelayHandle relay, const turn::RelayedTransportAddress& address,
                  turn::UserNumber user) override;
  void LimitRelay(turn::RelayHandle relay) override;
  void StopRelay(turn::RelayHandle relay) override;
  void CloseRelay(turn::RelayHandle relay) override;
  void InstallRoute(const turn::Route& route) override { routes_.Install(route); }
  void RemoveRoute(const turn::RouteKey& key) override { routes_.Remove(key); }
  void PostToShard(turn::ShardIndex shard, turn::EngineMessage message) override;
  void Report(const turn::Event& event) override;

  // What the log has left out is said when there is room; call it now and then. The other one says
  // it in any case: nothing more will end.
  void Advance() { log_.Advance(clock_.now().monotonic); }
  void FinishLog() { log_.Finish(); }

 private:
  void On(const turn::RequestAnswered& event);
  void On(const turn::AuthenticationFailed& event);
  void On(const turn::AllocationOpened& event);
  void On(const turn::AllocationClosed& event);
  void On(const turn::AllocationMoved& event);
  void On(const turn::PermissionsChanged& event);
  void On(const turn::ChannelsChanged& event);
  void On(const turn::QuotaRejected& event);
  void On(const turn::PacketDropped& event);
  void NoteAllocation(const turn::Client& client, const base::Endpoint& relayed, int delta);

  Forwarder& forwarder_;
  RouteFanout& routes_;
  ConnectedClients& connected_;
  PacketPoller& poller_;
  ShardCounters& counters_;
  const ShardClock& clock_;
  std::span<ShardMailbox* const> mailboxes_;
  const HopLimits hop_limits_;
  UsageMeter& usage_;
  AllocationMeters& meters_;
  turn::RelayHandle newest_;  // opened and not started yet; a value below 0: none
  AllocationLog log_;
};

}  // namespace relay
