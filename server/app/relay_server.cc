#include "server/app/relay_server.h"

#include <algorithm>
#include <utility>

#include "auth/credential_verifier.h"
#include "server/app/relay_settings.h"

namespace relay {

base::Result<std::unique_ptr<RelayServer>> RelayServer::Open(
    const Config& config, std::vector<turn::RelayAddress> relay_addresses) {
  auto policy = std::make_shared<const turn::Policy>(MakePolicy(config, relay_addresses));
  auto credentials = std::make_shared<const auth::CredentialVerifier>(
      config.realm, config.auth.users, auth::KeyRing(config.auth.shared_secrets));
  auto shards = ShardGroup::Open(
      MakeShardGroupOptions(config, relay_addresses, policy, std::move(credentials)));
  if (!shards.ok()) return shards.error();
  const auto& listeners = shards.value()->listeners();
  if (std::none_of(
          listeners.begin(), listeners.end(),
          [](const ShardGroup::ListenerState& listener) { return listener.error.empty(); })) {
    return base::Error{listeners.empty()
                           ? "no listener is configured"
                           : "no listener could be opened: " + listeners.front().error};
  }
  return std::unique_ptr<RelayServer>(new RelayServer(
      config, std::move(relay_addresses), std::move(policy), std::move(shards).value()));
}

RelayServer::RelayServer(const Config& config, std::vector<turn::RelayAddress> relay_addresses,
                         std::shared_ptr<const turn::Policy> policy,
                         std::unique_ptr<ShardGroup> shards)
    : min_port_(config.relay.min_port),
      max_port_(config.relay.max_port),
      relay_addresses_(std::move(relay_addresses)),
      policy_(std::move(policy)),
      shards_(std::move(shards)),
      started_(base::ReadClocks().monotonic) {}

RelaySnapshot RelayServer::ReadSnapshot() const {
  RelaySnapshot snapshot;
  snapshot.shards = shards_->shard_count();
  for (const ShardGroup::ListenerState& listener : shards_->listeners()) {
    snapshot.listeners.push_back({std::string(base::TransportName(listener.listener.transport)) +
                                      " " + listener.bound.ToString(),
                                  listener.error.empty() ? "open" : listener.error});
  }
  for (const turn::RelayAddress& address : relay_addresses_) {
    std::string text = address.internal.ToString();
    if (address.external != address.internal)
      text += " (known as " + address.external.ToString() + ")";
    snapshot.relay_addresses.push_back(std::move(text));
  }
  const turn::Ledger::Totals totals = shards_->ledger().ReadTotals();
  snapshot.min_relay_port = min_port_;
  snapshot.max_relay_port = max_port_;
  snapshot.ports_in_use = totals.ports_in_use;
  snapshot.ports_limit = totals.ports_limit;
  snapshot.reservations = totals.reservations;
  snapshot.allocations_charged = totals.allocations;
  snapshot.subjects = totals.subjects;
  snapshot.started = started_;
  return snapshot;
}

std::vector<std::string> RelayServer::unready_reasons() const {
  const turn::Ledger::Totals totals = shards_->ledger().ReadTotals();
  if (totals.ports_in_use >= totals.ports_limit) return {"no relay port is free"};
  return {};
}

void RelayServer::SetDraining(bool is_draining) {
  turn::Policy policy = *policy_;
  policy.draining = is_draining;
  policy_ = std::make_shared<const turn::Policy>(std::move(policy));
  shards_->SetPolicy(policy_);
}

}  // namespace relay
