#include "server/net/shard_group.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "protocol/base/random.h"
#include "server/datapath/userspace/socket_address.h"

namespace relay {
namespace {

using Kind = ShardGroup::ListenerKind;

bool IsDatagram(Kind kind) { return kind == Kind::kUdp || kind == Kind::kDtls; }

// Whether an IPv6 wildcard has to serve IPv4 as well: nobody else listens there.
bool NeedsDualStack(const ShardGroup::Listener& listener,
                    const std::vector<ShardGroup::Listener>& all) {
  if (listener.endpoint.address.is_v4() || !listener.endpoint.address.is_unspecified())
    return false;
  return std::none_of(all.begin(), all.end(), [&](const ShardGroup::Listener& other) {
    return other.endpoint.address.is_v4() && other.endpoint.port == listener.endpoint.port &&
           IsDatagram(other.kind) == IsDatagram(listener.kind);
  });
}

// A DTLS listener where there is a UDP listener, or a TLS where there is a TCP, has no socket of
// its own: the other one takes both.
bool SharesSocket(const ShardGroup::Listener& listener,
                  const std::vector<ShardGroup::Listener>& all) {
  if (listener.endpoint.port == 0 || (listener.kind != Kind::kDtls && listener.kind != Kind::kTls))
    return false;
  const Kind host = listener.kind == Kind::kDtls ? Kind::kUdp : Kind::kTcp;
  return std::any_of(all.begin(), all.end(), [&](const ShardGroup::Listener& other) {
    return other.kind == host && other.endpoint == listener.endpoint;
  });
}

StreamEntrance::Kind EntranceKind(Kind kind) {
  switch (kind) {
    case Kind::kTls:
      return StreamEntrance::Kind::kTls;
    case Kind::kEdge:
      return StreamEntrance::Kind::kEdge;
    default:
      return StreamEntrance::Kind::kTcp;
  }
}

}  // namespace

ShardGroup::ShardGroup(const Options& options, Inheritance inheritance)
    : ledger_(options.ledger),
      census_(options.connections_per_source),
      inheritance_(std::move(inheritance)) {}

base::Result<base::Endpoint> ShardGroup::OpenListener(const Listener& listener, bool dual_stack,
                                                      std::vector<Shard::Options>& shards) {
  const bool is_datagram = IsDatagram(listener.kind);
  ListenerAddress address{listener.endpoint, dual_stack};
  auto taken = TakeSockets(is_datagram, address, shards.size());
  if (!taken.ok()) return taken.error();
  std::vector<Descriptor> sockets = std::move(taken).value();
  ListenerSockets<int>& known = sockets_.emplace_back();
  known.is_datagram = is_datagram;
  known.endpoint = listener.endpoint;
  for (const Descriptor& socket : sockets) known.sockets.push_back(socket.get());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (is_datagram) {
      shards[i].udp_listeners.push_back(
          {.socket = std::move(sockets[i]),
           .bound = address.endpoint,
           .is_wildcard = address.endpoint.address.is_unspecified(),
           .family = address.endpoint.address.is_v4() ? AF_INET : AF_INET6,
           .takes_clear = listener.kind == ListenerKind::kUdp,
           .takes_dtls = true,
           .trusted_proxies = listener.trusted_proxies});
    } else {
      shards[i].tcp_listeners.push_back(
          {std::move(sockets[i]), {EntranceKind(listener.kind), listener.trusted_proxies}});
    }
  }
  return address.endpoint;
}

base::Result<std::vector<Descriptor>> ShardGroup::TakeSockets(bool is_datagram,
                                                              ListenerAddress& address,
                                                              std::size_t shards) {
  std::vector<Descriptor> sockets = TakeInherited(is_datagram, address.endpoint);
  if (!sockets.empty()) {
    address.endpoint.port = LocalEndpoint(sockets.front().get()).port;
    return sockets;
  }
  for (std::size_t i = 0; i < shards; ++i) {
    auto opened = is_datagram ? OpenUdpListener(address) : OpenTcpListener(address);
    if (!opened.ok()) return opened.error();
    sockets.push_back(std::move(opened).value());
    // The first one may have been given a port; the others join it.
    address.endpoint.port = LocalEndpoint(sockets.back().get()).port;
  }
  return sockets;
}

base::Result<void> ShardGroup::OpenDiscovery(const Discovery& discovery,
                                             std::vector<Shard::Options>& shards) {
  const auto& open = shards.front().udp_listeners;
  const auto primary = std::ranges::find(open, true, &UdpListener::takes_clear);
  if (primary == open.end() || primary->is_wildcard)
    return base::Error{"NAT discovery needs a udp listener with an address of its own"};
  const base::Endpoint first = primary->bound;
  const auto handle_of = [](std::size_t position) {
    return turn::ClientHandle{static_cast<std::uint32_t>(position)};
  };

  // In the order of DiscoverySockets.
  std::array<turn::DiscoverySocket, turn::DiscoverySockets::kCount> sockets;
  const auto primary_position = static_cast<std::size_t>(primary - open.begin());
  sockets[0] = {first, {discovery.external_primary, first.port}, handle_of(primary_position)};
  sockets[1].bound = {first.address, discovery.alternate_port};
  sockets[2].bound = {discovery.alternate_address, first.port};
  sockets[3].bound = {discovery.alternate_address, discovery.alternate_port};
  for (std::size_t i = 1; i < sockets.size(); ++i) {
    turn::DiscoverySocket& socket = sockets[i];
    const auto opened = OpenListener(
        {.kind = Kind::kUdp, .endpoint = socket.bound, .is_required = true, .trusted_proxies = {}},
        false, shards);
    if (!opened.ok()) return base::Error{"NAT discovery " + opened.error().message};
    const bool is_alternate = socket.bound.address == discovery.alternate_address;
    socket.announced = {is_alternate ? discovery.external_alternate : discovery.external_primary,
                        socket.bound.port};
    socket.handle = handle_of(shards.front().udp_listeners.size() - 1);
    further_sockets_.push_back(socket.bound);
    for (Shard::Options& shard : shards) shard.udp_listeners.back().takes_dtls = false;
  }
  for (Shard::Options& shard : shards) shard.discovery.emplace(sockets);
  return {};
}

base::Result<std::unique_ptr<ShardGroup>> ShardGroup::Open(const Options& options) {
  Inheritance begin;
  base::OsRandom random;
  random.Fill(begin.nonce_key.octets);
  begin.nonce_origin = base::ReadClocks().monotonic;
  return Open(options, std::move(begin));
}

base::Result<std::unique_ptr<ShardGroup>> ShardGroup::Open(const Options& options,
                                                           Inheritance inheritance) {
  std::unique_ptr<ShardGroup> group(new ShardGroup(options, std::move(inheritance)));
  std::vector<Shard::Options> shards(std::max<std::size_t>(options.shards, 1));
  if (const auto fits = group->CheckInheritance(shards.size()); !fits.ok()) return fits.error();
  for (const Listener& listener : options.listeners) {
    group->listeners_.push_back({listener, listener.endpoint, {}});
    if (SharesSocket(listener, options.listeners)) continue;
    const auto opened =
        group->OpenListener(listener, NeedsDualStack(listener, options.listeners), shards);
    if (opened.ok()) {
      group->listeners_.back().bound = opened.value();
      continue;
    }
    if (listener.is_required) return opened.error();
    group->listeners_.back().error = opened.error().message;
  }
  if (options.discovery) {
    const auto opened = group->OpenDiscovery(*options.discovery, shards);
    if (!opened.ok()) return opened.error();
  }
  if (const auto used = group->CheckAllInherited(); !used.ok()) return used.error();
  // Each user has a relayed transport address at least.
  const auto shared_buckets =
      SharedBuckets::Make(static_cast<std::uint32_t>(group->ledger_.ReadTotals().ports_limit) + 1);
  for (Shard::Options& shard : shards) {
    shard.policy = options.policy;
    shard.credentials = options.credentials;
    shard.tls = options.tls;
    shard.nonce_key = group->inheritance_.nonce_key;
    shard.nonce_origin = group->inheritance_.nonce_origin;
    shard.limits = options.limits;
    shard.shared_buckets = shared_buckets;
    shard.index = {static_cast<std::uint16_t>(group->shards_.size())};
    shard.hop_limits = options.hop_limits;
    shard.busy_poll = options.busy_poll;
    shard.memory = options.memory;
    group->shards_.push_back(std::make_unique<Shard>(
        std::move(shard), group->ledger_, group->census_, group->meters_, group->own_relays_));
    group->mailboxes_.push_back(&group->shards_.back()->mailbox());
  }
  for (const auto& shard : group->shards_) shard->SetMailboxes(group->mailboxes_);
  return group;
}

ShardGroup::~ShardGroup() { Stop(); }

void ShardGroup::Start() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    // Each names itself: to name another one takes a file that the sandbox does not write.
    threads_.emplace_back([&shard = *shards_[i], name = "shard-" + std::to_string(i)] {
      ::pthread_setname_np(::pthread_self(), name.c_str());
      shard.Run();
    });
  }
}

void ShardGroup::Stop() {
  for (const auto& shard : shards_) shard->mailbox().Post([](Shard& stopping) { stopping.Stop(); });
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ShardGroup::SetPolicy(const std::shared_ptr<const turn::Policy>& policy) {
  for (const auto& shard : shards_) {
    shard->mailbox().Post([policy](Shard& receiver) { receiver.SetPolicy(policy); });
  }
}

void ShardGroup::SetSettings(const ShardSettings& settings, const turn::Ledger::Options& ledger,
                             std::uint32_t connections_per_source) {
  ledger_.SetLimits(ledger);
  census_.SetLimit(connections_per_source);
  for (const auto& shard : shards_) {
    shard->mailbox().Post([settings](Shard& receiver) { receiver.SetSettings(settings); });
  }
}

void ShardGroup::SetRevocations(const std::shared_ptr<const turn::Revocations>& revocations) {
  for (const auto& shard : shards_) {
    shard->mailbox().Post([revocations](Shard& receiver) { receiver.SetRevocations(revocations); });
  }
}

void ShardGroup::CollectUsage(const std::function<void(std::vector<UsageRecord>)>& sink) {
  for (const auto& shard : shards_) {
    if (threads_.empty()) {
      sink(shard->TakeUsage());
    } else {
      shard->mailbox().Post([sink](Shard& asked) { sink(asked.TakeUsage()); });
    }
  }
}

std::size_t ShardGroup::CollectSessions(const SessionFilter& filter,
                                        const SessionCollector::Sink& sink) {
  if (threads_.empty()) return 0;
  for (const auto& shard : shards_) {
    shard->mailbox().Post([filter, sink](Shard& asked) { asked.CollectSessions(filter, sink); });
  }
  return shards_.size();
}

std::size_t ShardGroup::Disconnect(std::uint64_t allocation_id,
                                   const std::function<void(bool)>& sink) {
  if (threads_.empty()) return 0;
  for (const auto& shard : shards_) {
    shard->mailbox().Post(
        [allocation_id, sink](Shard& asked) { sink(asked.Disconnect(allocation_id)); });
  }
  return shards_.size();
}

void ShardGroup::SetTls(const std::shared_ptr<const TlsContext>& tls) {
  for (const auto& shard : shards_) {
    shard->mailbox().Post([tls](Shard& receiver) { receiver.SetTls(tls); });
  }
}

void ShardGroup::SetHttpHandler(const HttpHandler& handler) {
  for (const auto& shard : shards_) shard->SetHttpHandler(handler);
}

void ShardGroup::SetKernelDatapath(const std::shared_ptr<Datapath>& kernel) {
  for (const auto& shard : shards_) {
    shard->mailbox().Post([kernel](Shard& receiver) { receiver.SetKernelDatapath(kernel); });
  }
}

std::vector<const ShardCounters*> ShardGroup::counters() const {
  std::vector<const ShardCounters*> counters;
  counters.reserve(shards_.size());
  for (const auto& shard : shards_) counters.push_back(&shard->counters());
  return counters;
}

}  // namespace relay
