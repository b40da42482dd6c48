#include "server/app/relay_server.h"

#include <algorithm>
#include <utility>

#include "server/app/check_page_settings.h"
#include "server/app/ice_servers.h"
#include "server/app/relay_settings.h"
#include "server/metrics/counter_totals.h"

namespace relay {
base::Result<std::unique_ptr<RelayServer>> RelayServer::Open(
    const Config& config, std::vector<turn::RelayAddress> relay_addresses) {
  return Open(config, std::move(relay_addresses), std::nullopt);
}

base::Result<std::unique_ptr<RelayServer>> RelayServer::Open(
    const Config& config, std::vector<turn::RelayAddress> relay_addresses,
    std::optional<Inheritance> inheritance, std::vector<KernelLink> links) {
  auto policy = std::make_shared<const turn::Policy>(MakePolicy(config, relay_addresses));
  auto certificates = ServedCertificates::Open(config);
  if (!certificates.ok()) return certificates.error();
  std::optional<std::vector<KernelLink>> inherited;
  if (inheritance) inherited = std::move(links);
  ShardGroup::Options options = MakeShardGroupOptions(config, relay_addresses, policy);
  options.tls = certificates.value().context();
  auto shards =
      inheritance ? ShardGroup::Open(options, *std::move(inheritance)) : ShardGroup::Open(options);
  if (!shards.ok()) return shards.error();
  const auto& listeners = shards.value()->listeners();
  if (std::none_of(
          listeners.begin(), listeners.end(),
          [](const ShardGroup::ListenerState& listener) { return listener.error.empty(); })) {
    return base::Error{listeners.empty()
                           ? "no listener is configured"
                           : "no listener could be opened: " + listeners.front().error};
  }
  auto kernel = KernelPath::Open(config, listeners, relay_addresses, {}, std::move(inherited));
  if (!kernel.ok()) return kernel.error();
  return std::unique_ptr<RelayServer>(new RelayServer(
      config, std::move(relay_addresses), std::move(policy), std::move(certificates).value(),
      std::move(kernel).value(), std::move(shards).value()));
}

RelayServer::RelayServer(const Config& config, std::vector<turn::RelayAddress> relay_addresses,
                         std::shared_ptr<const turn::Policy> policy,
                         ServedCertificates certificates, KernelPath::Opened kernel,
                         std::unique_ptr<ShardGroup> shards)
    : listeners_(config.listeners),
      min_port_(config.relay.min_port),
      max_port_(config.relay.max_port),
      name_(config.node),
      region_(config.region),
      allocations_limit_(config.limits.allocations),
      relay_addresses_(std::move(relay_addresses)),
      policy_(std::move(policy)),
      certificates_(std::move(certificates)),
      kernel_(std::move(kernel)),
      shards_(std::move(shards)),
      started_(base::ReadClocks().monotonic),
      check_page_(MakeCheckPageSettings(config, relay_addresses_)) {
  shards_->SetKernelDatapath(kernel_.now().datapath);
}

void RelayServer::Start() {
  kernel_.Start();
  shards_->Start();
  if (kernel_.now().datapath != nullptr) kernel_.now().datapath->SwitchInherited();
}

std::vector<KernelLink> RelayServer::CopyKernelLinks() const {
  const auto& datapath = kernel_.now().datapath;
  return datapath == nullptr ? std::vector<KernelLink>() : datapath->CopyLinks();
}

std::vector<const ShardCounters*> RelayServer::counters() const {
  std::vector<const ShardCounters*> counters = shards_->counters();
  counters.push_back(&kernel_.ReadCounters());
  counters.push_back(&former_counters_);
  return counters;
}

void RelayServer::SetFormerTotals(const std::vector<std::uint64_t>& totals) {
  static_cast<void>(SetCounterTotals(totals, former_counters_));
}

std::vector<std::uint64_t> RelayServer::LeaveToSuccessor() {
  kernel_.Replace({Config::Datapath::kUserspace, nullptr, "userspace (another process serves)"});
  return ReadCounterTotals(counters());
}

RelaySnapshot RelayServer::ReadSnapshot() const {
  RelaySnapshot snapshot;
  snapshot.shards = shards_->shard_count();
  for (const ShardGroup::ListenerState& listener : shards_->listeners()) {
    snapshot.listeners.push_back(
        {std::string(KindName(listener.listener.kind)) + " " + listener.bound.ToString(),
         listener.error.empty() ? "open" : listener.error});
  }
  for (const base::Endpoint& socket : shards_->further_sockets())
    snapshot.listeners.push_back({"udp " + socket.ToString(), "open, NAT discovery only"});
  for (const Certificate& certificate : certificates()) {
    snapshot.certificates.push_back(
        {certificate.path(), certificate.names(), certificate.not_after()});
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
  snapshot.is_kernel_datapath_wanted = kernel_.now().choice != Config::Datapath::kUserspace;
  if (const auto& kernel = kernel_.now().datapath; kernel != nullptr)
    snapshot.kernel_datapath_mode = kernel->mode();
  snapshot.started = started_;
  return snapshot;
}

FleetNode RelayServer::Describe(TlsUrls tls_urls) const {
  std::vector<Config::Listener> open;
  const auto& states = shards_->listeners();  // in the order of the configuration
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (!states[i].error.empty()) continue;
    open.push_back(listeners_[i]);
    open.back().port = states[i].bound.port;
  }
  IceUrls urls =
      MakeIceUrls(open, name_, relay_addresses_,
                  tls_urls == TlsUrls::kName ? certificates() : std::vector<Certificate>());
  FleetNode node;
  node.name = name_;
  node.region = region_;
  node.stun_urls = std::move(urls.stun);
  node.turn_urls = std::move(urls.turn);
  node.allocations_limit = allocations_limit_;
  for (const turn::RelayAddress& address : relay_addresses_) {
    node.addresses.push_back(address.external.ToString());
  }
  if (node.name.empty() && !node.addresses.empty()) node.name = node.addresses.front();
  return node;
}

std::vector<std::string> RelayServer::unready_reasons() const {
  const turn::Ledger::Totals totals = shards_->ledger().ReadTotals();
  if (totals.ports_in_use >= totals.ports_limit) return {"no relay port is free"};
  return {};
}

void RelayServer::RefreshCertificates() {
  if (certificates_.Refresh()) shards_->SetTls(certificates_.context());
}

base::Result<void> RelayServer::Reconfigure(const Config& config) {
  // What can fail comes first, and then nothing has changed.
  auto kernel =
      config.relay.datapath == kernel_.now().choice
          ? base::Result<KernelPath::Opened>(kernel_.now())
          : KernelPath::Open(config, shards_->listeners(), relay_addresses_, kernel_.now());
  if (!kernel.ok()) return kernel.error();
  const auto replaced = certificates_.SetFiles(config);
  if (!replaced.ok()) return replaced.error();
  if (replaced.value()) shards_->SetTls(certificates_.context());
  name_ = config.node;
  region_ = config.region;
  allocations_limit_ = config.limits.allocations;
  Config effective = config;
  effective.listeners = listeners_;
  turn::Policy policy = MakePolicy(effective, relay_addresses_);
  policy.draining = policy_->draining;
  policy_ = std::make_shared<const turn::Policy>(std::move(policy));
  const bool is_other_kernel = kernel.value().datapath != kernel_.now().datapath;
  kernel_.Replace(std::move(kernel).value());
  if (is_other_kernel) shards_->SetKernelDatapath(kernel_.now().datapath);
  if (kernel_.now().datapath != nullptr)
    kernel_.now().datapath->SetSettings(MakeKernelSettings(effective));
  shards_->SetSettings({policy_, MakeCredentials(effective), MakeTrafficLimits(effective)},
                       MakeLedgerOptions(effective, relay_addresses_),
                       effective.limits.connections_per_source);
  check_page_ = MakeCheckPageSettings(effective, relay_addresses_);
  return {};
}

void RelayServer::SetDraining(bool is_draining) {
  turn::Policy policy = *policy_;
  policy.draining = is_draining;
  policy_ = std::make_shared<const turn::Policy>(std::move(policy));
  shards_->SetPolicy(policy_);
}

}  // namespace relay
