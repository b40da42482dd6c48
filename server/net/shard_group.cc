#include "server/net/shard_group.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/base/random.h"
#include "server/datapath/userspace/socket_address.h"

namespace relay {
namespace {

// Whether an IPv6 wildcard has to serve IPv4 as well: nobody else listens there.
bool NeedsDualStack(const ShardGroup::Listener& listener,
                    const std::vector<ShardGroup::Listener>& all) {
  if (listener.endpoint.address.is_v4() || !listener.endpoint.address.is_unspecified())
    return false;
  return std::none_of(all.begin(), all.end(), [&](const ShardGroup::Listener& other) {
    return other.endpoint.address.is_v4() && other.endpoint.port == listener.endpoint.port &&
           other.transport == listener.transport;
  });
}

}  // namespace

ShardGroup::ShardGroup(const Options& options)
    : ledger_(options.ledger), census_(options.connections_per_source) {}

base::Result<void> ShardGroup::OpenListener(const Listener& listener, bool dual_stack,
                                            std::vector<Shard::Options>& shards) {
  const bool is_udp = listener.transport == base::Transport::kUdp;
  ListenerAddress address{listener.endpoint, dual_stack};
  std::vector<Descriptor> sockets;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    auto opened = is_udp ? OpenUdpListener(address) : OpenTcpListener(address);
    if (!opened.ok()) return opened.error();
    sockets.push_back(std::move(opened).value());
    // The first one may have been given a port; the others join it.
    address.endpoint.port = LocalEndpoint(sockets.back().get()).port;
  }
  listeners_.back().bound = address.endpoint;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (is_udp) {
      shards[i].udp_listeners.push_back(
          {.socket = std::move(sockets[i]),
           .bound = address.endpoint,
           .is_wildcard = address.endpoint.address.is_unspecified(),
           .family = address.endpoint.address.is_v4() ? AF_INET : AF_INET6});
    } else {
      shards[i].tcp_listeners.push_back({std::move(sockets[i]), listener.transport});
    }
  }
  return {};
}

base::Result<std::unique_ptr<ShardGroup>> ShardGroup::Open(const Options& options) {
  std::unique_ptr<ShardGroup> group(new ShardGroup(options));
  base::OsRandom random;
  turn::NonceKey nonce_key;
  random.Fill(nonce_key.octets);
  const base::MonotonicTime nonce_origin = base::ReadClocks().monotonic;
  std::vector<Shard::Options> shards(std::max<std::size_t>(options.shards, 1));
  for (const Listener& listener : options.listeners) {
    group->listeners_.push_back({listener, listener.endpoint, {}});
    const auto opened =
        group->OpenListener(listener, NeedsDualStack(listener, options.listeners), shards);
    if (opened.ok()) continue;
    if (listener.is_required) return opened.error();
    group->listeners_.back().error = opened.error().message;
  }
  for (Shard::Options& shard : shards) {
    shard.policy = options.policy;
    shard.credentials = options.credentials;
    shard.nonce_key = nonce_key;
    shard.nonce_origin = nonce_origin;
    shard.limits = options.limits;
    group->shards_.push_back(
        std::make_unique<Shard>(std::move(shard), group->ledger_, group->census_));
  }
  return group;
}

ShardGroup::~ShardGroup() { Stop(); }

void ShardGroup::Start() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    threads_.emplace_back([&shard = *shards_[i]] { shard.Run(); });
    ::pthread_setname_np(threads_.back().native_handle(), ("shard-" + std::to_string(i)).c_str());
  }
}

void ShardGroup::Stop() {
  for (const auto& shard : shards_) shard->mailbox().Post([](Shard& stopping) { stopping.Stop(); });
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ShardGroup::SetPolicy(std::shared_ptr<const turn::Policy> policy) {
  for (const auto& shard : shards_) {
    shard->mailbox().Post([policy](Shard& receiver) { receiver.SetPolicy(policy); });
  }
}

std::vector<const ShardCounters*> ShardGroup::counters() const {
  std::vector<const ShardCounters*> counters;
  for (const auto& shard : shards_) counters.push_back(&shard->counters());
  return counters;
}

}  // namespace relay
