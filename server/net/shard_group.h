#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/policy.h"
#include "protocol/turn/revocations.h"
#include "server/datapath/usage_record.h"
#include "server/datapath/userspace/rate_meter.h"
#include "server/metrics/shard_counters.h"
#include "server/net/http_handler.h"
#include "server/net/inherited_sockets.h"
#include "server/net/listener_socket.h"
#include "server/net/shard.h"
#include "server/net/stand_still.h"
#include "server/tls/tls_context.h"

namespace relay {

// All shards of the process with their threads, and what they share. The owner's thread only,
// except where noted.
class ShardGroup {
 public:
  // `kUdp` takes DTLS, and `kTcp` TLS, besides the clear when there is a TLS context, told apart by
  // the first octet; the others take nothing in the clear. Two listeners with one address, kUdp and
  // kDtls or kTcp and kTls, share a socket.
  enum class ListenerKind : std::uint8_t { kUdp, kDtls, kTcp, kTls, kEdge };
  struct Listener {
    ListenerKind kind = ListenerKind::kUdp;
    base::Endpoint endpoint;
    bool is_required = true;  // otherwise one that cannot be opened is left out
    // Proxies whose PROXY protocol headers are believed, and required; nobody else's are.
    std::vector<base::IpPrefix> trusted_proxies;
  };
  // NAT behaviour discovery (RFC 5780) on two addresses and two ports, the first of each being
  // those of the first kUdp listener, which must be open and on one address.
  struct Discovery {
    base::IpAddress alternate_address;
    std::uint16_t alternate_port = 0;
    // As the world knows the two addresses: different ones behind 1:1 NAT.
    base::IpAddress external_primary;
    base::IpAddress external_alternate;
  };
  struct Options {
    std::size_t shards = 1;
    std::vector<Listener> listeners;
    std::optional<Discovery> discovery;
    std::uint32_t connections_per_source = 1000;
    TrafficLimits limits;
    HopLimits hop_limits = HopLimits::kDecrement;
    std::chrono::microseconds busy_poll{0};
    MemoryLimits memory;  // of each shard
    turn::Ledger::Options ledger;
    std::shared_ptr<const turn::Policy> policy;
    std::shared_ptr<const turn::CredentialSource> credentials;
    // nullptr: no TLS; then there must be no listener that needs it.
    std::shared_ptr<const TlsContext> tls;
  };

  // What became of a listener, in the order of Options::listeners.
  struct ListenerState {
    Listener listener;
    base::Endpoint bound;  // with the port that it really has
    std::string error;     // empty: open
  };

  // Opens every socket of every shard, and reads none of them yet: a SO_REUSEPORT group must not
  // change once it serves. Fails when a required listener, or a socket of NAT discovery, cannot be
  // opened.
  // With an inheritance, listeners are those of the former process, and others are opened. Fails
  // also when it has a listener that the options have not, or another number of shards.
  static base::Result<std::unique_ptr<ShardGroup>> Open(const Options& options);
  static base::Result<std::unique_ptr<ShardGroup>> Open(const Options& options,
                                                        Inheritance inheritance);
  ~ShardGroup();

  // Starts the threads. Once.
  void Start();

  // An upgrade (docs/adr/0018), after Start, from any thread, one at a time. What another process
  // needs to begin with; the sockets stay the group's.
  std::vector<ListenerSockets<int>> sockets() const { return sockets_; }
  const turn::NonceKey& nonce_key() const { return inheritance_.nonce_key; }
  base::MonotonicTime nonce_origin() const { return inheritance_.nonce_origin; }
  // Has all shards stand still. Error: they do not by then, or never all at a moment in which
  // nothing is on its way between them; then they go on.
  base::Result<HeldStill> HoldStill(base::MonotonicTime deadline);

  // Before Start, with an inheritance: what a shard of the former process had. `carried` as in
  // AllocationImage. False: octets or sockets are not what they have to be, or the options do not
  // have room for it.
  [[nodiscard]] bool RestoreAllocation(std::size_t shard, base::Bytes record,
                                       std::vector<Descriptor> sockets,
                                       std::span<const RelayTraffic> carried);
  // Before the allocation of its client.
  [[nodiscard]] bool RestoreConnection(std::size_t shard, ConnectionImage connection,
                                       Descriptor socket);
  [[nodiscard]] bool RestoreReservation(std::size_t shard, base::Bytes record, Descriptor socket);
  // After Start: what they had carried in all.
  void SetCarriedBefore(std::size_t shard, LastTraffic traffic, std::vector<RelayTraffic> known);

  // Ends all allocations and joins the threads. May be called again.
  void Stop();

  void SetPolicy(const std::shared_ptr<const turn::Policy>& policy);
  // What a reload brings: settings of the shards, and the limits that they share (of `ledger`
  // nothing else counts). What is above a new limit stays until it ends.
  void SetSettings(const ShardSettings& settings, const turn::Ledger::Options& ledger,
                   std::uint32_t connections_per_source);
  // Who is refused from now on, and whose allocations end. May come before Start.
  void SetRevocations(const std::shared_ptr<const turn::Revocations>& revocations);
  // What has been used since the last call: `sink` is called for each shard, by its thread soon or,
  // when it has stopped, at once.
  void CollectUsage(const std::function<void(std::vector<UsageRecord>)>& sink);
  // The allocations that an administrator wants to see, at most `filter.limit` of each shard:
  // `sink` is called for each shard, by its thread, soon; the number says how often. After Stop
  // there are none.
  std::size_t CollectSessions(const SessionFilter& filter, const SessionCollector::Sink& sink);
  // Ends one allocation, wherever it is. `sink` is called likewise, with whether it was there.
  std::size_t Disconnect(std::uint64_t allocation_id, const std::function<void(bool)>& sink);
  // What users and tenants have on other nodes, for the limits on them; nullptr: nothing.
  void SetCountsElsewhere(std::shared_ptr<const turn::QuotaCounts> counts) {
    ledger_.SetCountsElsewhere(std::move(counts));
  }
  // For the handshakes from now on; sessions keep what they have.
  void SetTls(const std::shared_ptr<const TlsContext>& tls);
  // Where routes go besides userspace, those that there are and those to come; nullptr: nowhere.
  void SetKernelDatapath(const std::shared_ptr<Datapath>& kernel);
  // Before Start. Without one, HTTP requests are answered with 404.
  void SetHttpHandler(const HttpHandler& handler);

  const std::vector<ListenerState>& listeners() const { return listeners_; }
  // The sockets of NAT discovery besides the listener.
  std::span<const base::Endpoint> further_sockets() const { return further_sockets_; }
  std::vector<const ShardCounters*> counters() const;  // the counters may be read from any thread
  const turn::Ledger& ledger() const { return ledger_; }
  turn::Ledger& ledger() { return ledger_; }  // any thread
  std::size_t shard_count() const { return shards_.size(); }

 private:
  ShardGroup(const Options& options, Inheritance inheritance);
  // One for each shard: inherited, or opened. `endpoint` gets the port that they really have.
  base::Result<std::vector<Descriptor>> TakeSockets(bool is_datagram, ListenerAddress& address,
                                                    std::size_t shards);
  // Empty: there are none, or no more.
  std::vector<Descriptor> TakeInherited(bool is_datagram, const base::Endpoint& endpoint);
  // Error: another number of shards.
  base::Result<void> CheckInheritance(std::size_t shards) const;
  // Error: one is left.
  base::Result<void> CheckAllInherited() const;
  // With the port that it really has.
  base::Result<base::Endpoint> OpenListener(const Listener& listener, bool dual_stack,
                                            std::vector<Shard::Options>& shards);
  // After the listeners.
  base::Result<void> OpenDiscovery(const Discovery& discovery, std::vector<Shard::Options>& shards);

  turn::Ledger ledger_;
  ConnectionCensus census_;
  AllocationMeters meters_;
  OwnRelays own_relays_;
  Inheritance inheritance_;
  // By the handle of clients in the former process: what it is in this one.
  std::vector<std::optional<turn::ClientHandle>> inherited_handles_;
  std::vector<ListenerSockets<int>> sockets_;
  std::vector<ListenerState> listeners_;
  std::vector<base::Endpoint> further_sockets_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<ShardMailbox*> mailboxes_;
  std::vector<std::thread> threads_;
};

}  // namespace relay
