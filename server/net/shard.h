#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "protocol/base/random.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/discovery_sockets.h"
#include "protocol/turn/engine.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/nonce.h"
#include "protocol/turn/policy.h"
#include "server/datapath/route_fanout.h"
#include "server/datapath/userspace/forwarder.h"
#include "server/datapath/userspace/ip_fields.h"
#include "server/datapath/userspace/own_relays.h"
#include "server/datapath/userspace/send_queue.h"
#include "server/metrics/shard_counters.h"
#include "server/net/connected_clients.h"
#include "server/net/connection_census.h"
#include "server/net/dtls_service.h"
#include "server/net/http_handler.h"
#include "server/net/joined_connections.h"
#include "server/net/packet_poller.h"
#include "server/net/proxied_clients.h"
#include "server/net/session_collector.h"
#include "server/net/shard_clock.h"
#include "server/net/shard_effects.h"
#include "server/net/shard_image.h"
#include "server/net/shard_mailbox.h"
#include "server/net/stand_still.h"
#include "server/net/stream_listener.h"
#include "server/net/stream_service.h"
#include "server/net/tcp_relays.h"
#include "server/net/udp_service.h"
#include "server/net/usage_meter.h"
#include "server/tls/tls_context.h"

namespace relay {

// A TCP listener of one shard.
struct TcpListener {
  Descriptor socket;
  StreamEntrance entrance;
};

// What a reload replaces in every shard at once.
struct ShardSettings {
  std::shared_ptr<const turn::Policy> policy;
  std::shared_ptr<const turn::CredentialSource> credentials;
  TrafficLimits limits;
};

// One thread's share of the relay: an io_context, an engine, its sockets. Shards share nothing but
// the Ledger and the census of connections; whoever wants something of a shard posts to its
// mailbox.
class Shard {
 public:
  struct Options {
    std::vector<UdpListener> udp_listeners;
    std::vector<TcpListener> tcp_listeners;
    std::optional<turn::DiscoverySockets> discovery;  // handles are positions in udp_listeners
    std::shared_ptr<const turn::Policy> policy;
    std::shared_ptr<const turn::CredentialSource> credentials;
    std::shared_ptr<const TlsContext> tls;  // nullptr: none
    // The same for all shards of the process, so that each accepts what another one issued.
    turn::NonceKey nonce_key;
    base::MonotonicTime nonce_origin;
    TrafficLimits limits;
    std::shared_ptr<SharedBuckets> shared_buckets;  // of all shards of the process
    turn::ShardIndex index;                         // its place among the shards of the process
    HopLimits hop_limits = HopLimits::kDecrement;
    std::chrono::microseconds busy_poll{0};  // as PacketPoller has it
    MemoryLimits memory;
  };
  // All that is referred to must outlive the shard; it is shared with the others.
  Shard(Options options, turn::Ledger& ledger, ConnectionCensus& census, AllocationMeters& meters,
        OwnRelays& own_relays);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Serves until Stop; the calling thread becomes the shard's thread.
  void Run();

  ShardMailbox& mailbox() { return mailbox_; }                 // any thread
  const ShardCounters& counters() const { return counters_; }  // any thread

  // Before Run: the mailboxes of all shards by index, this one's included. They must outlive it.
  void SetMailboxes(std::span<ShardMailbox* const> mailboxes) { effects_.SetMailboxes(mailboxes); }
  void SetHttpHandler(HttpHandler handler) { streams_.edge_http().SetHandler(std::move(handler)); }

  // The rest on the shard's thread, by way of the mailbox.
  void SetPolicy(std::shared_ptr<const turn::Policy> policy);
  void SetSettings(const ShardSettings& settings);
  void SetTls(std::shared_ptr<const TlsContext> tls);
  void SetRevocations(std::shared_ptr<const turn::Revocations> revocations);
  void OnEngineMessage(turn::EngineMessage message);
  // What has been used since the last call. Also after Run has returned, by whoever called it.
  std::vector<UsageRecord> TakeUsage();
  // What an administrator wants to see of the allocations here. `sink` is called once, soon.
  void CollectSessions(SessionFilter filter, SessionCollector::Sink sink);
  // Ends one allocation. False: it is not here.
  bool Disconnect(std::uint64_t allocation_id);
  // Stands still until it is decided what becomes of what is here, and lets go of it if that is so.
  void Hold(StandStill& held);

  // Before Run: what a former process had, with sockets of this one; `carried` as AllocationImage
  // has it. False: as turn::Engine has it, and sockets are the caller's.
  [[nodiscard]] bool Restore(std::unique_ptr<turn::Allocation> allocation,
                             std::span<const RelayTraffic> carried);
  [[nodiscard]] bool Restore(const turn::HeldReservationRecord& held);
  // Before the allocation of its client.
  [[nodiscard]] bool Restore(ConnectionImage connection, Descriptor& socket);
  // What a restored allocation had carried in all before it came, if that is more.
  void SetCarriedBefore(const LastTraffic& traffic, std::span<const RelayTraffic> known);

  // The datapath in the kernel, which all shards share; nullptr: none. It gets the routes that
  // there are bit by bit, so that packets do not wait.
  void SetKernelDatapath(std::shared_ptr<Datapath> kernel);
  // Ends every allocation and lets Run return.
  void Stop();

 private:
  static constexpr std::chrono::milliseconds kTick{250};
  static constexpr std::chrono::milliseconds kHandoverTick{1};

  // What of the policy the transports have to know.
  void ApplyPolicy(std::shared_ptr<const turn::Policy> policy);
  void Tick();
  void ShowRoutesToKernel();
  // What another process is to have, or has.
  struct Given {
    std::unordered_set<std::uint64_t> allocations;  // by id
    std::unordered_set<std::uint32_t> connections;  // by handle
  };
  // Whether another process can have it: its client needs nothing but listeners, and one of those
  // connections.
  bool CanBeGiven(const turn::Allocation& allocation,
                  const std::unordered_set<std::uint32_t>& connections) const;
  ShardImage TakeImage();
  std::vector<ConnectionImage> TakeConnectionImages();
  std::vector<LastTraffic> LetGo(const Given& given);
  // Nothing is read from them any more, and nothing goes out by them.
  void AbandonListeners();
  void StepSessions(const std::shared_ptr<SessionCollector>& collector);
  // Lets the kernel go on with routes whose packets came by here, now and until that is done.
  PacketPoller::Served ServeDatagrams(std::span<const PacketPoller::Ready> sockets,
                                      std::uint8_t round);
  // ChannelData that no route is there for.
  turn::Unrouted OnUnrouted(const base::FiveTuple& client, const stun::ChannelDataView& message);
  void StepHandovers();

  boost::asio::io_context io_;
  ShardMailbox mailbox_;
  ShardCounters counters_;
  ShardClock clock_;
  base::OsRandom random_;
  std::vector<UdpListener> udp_listeners_;
  SendQueue queue_;
  Forwarder forwarder_;
  RouteFanout routes_;
  const std::shared_ptr<SharedBuckets> own_shared_buckets_;  // where the kernel has none
  std::vector<turn::RouteKey> unshown_routes_;               // which the kernel has yet to hear of
  ProxiedClients proxied_;
  StreamService streams_;
  DtlsService dtls_;
  JoinedConnections joined_;
  TcpRelays tcp_relays_;
  ConnectedClients connected_;
  UdpService datagrams_;
  PacketPoller poller_;
  UsageMeter usage_;
  ShardEffects effects_;
  turn::Engine engine_;
  AllocationMeters& meters_;
  const std::size_t index_;
  std::vector<std::unique_ptr<StreamListener>> stream_listeners_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer handover_tick_;
  bool has_handover_tick_ = false;
};

}  // namespace relay
