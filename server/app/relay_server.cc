#include "server/app/relay_server.h"

#include <algorithm>
#include <utility>

#include "server/app/relay_settings.h"
#include "server/log/log.h"
#include "server/log/log_text.h"

namespace relay {
namespace {

std::vector<CertificateStore::Source> CertificateSources(const Config& config) {
  std::vector<CertificateStore::Source> sources;
  sources.reserve(config.tls.certificates.size());
  for (const Config::Certificate& pair : config.tls.certificates) {
    sources.push_back({pair.certificate_path, pair.private_key_path});
  }
  return sources;
}

// nullptr: none are configured.
base::Result<std::unique_ptr<CertificateStore>> OpenCertificates(const Config& config) {
  if (config.tls.certificates.empty()) return std::unique_ptr<CertificateStore>();
  return CertificateStore::Open(CertificateSources(config), base::ReadClocks().monotonic);
}

void LogCertificates(const std::vector<Certificate>& certificates) {
  for (const Certificate& certificate : certificates) {
    std::string names;
    for (const std::string& name : certificate.names()) names += (names.empty() ? "" : ",") + name;
    Log(LogLevel::kInfo, "a certificate is in use for new connections",
        {{"certificate", certificate.path()},
         {"names", names},
         {"not_after", TimeText(certificate.not_after())}});
  }
}

}  // namespace

base::Result<std::unique_ptr<RelayServer>> RelayServer::Open(
    const Config& config, std::vector<turn::RelayAddress> relay_addresses) {
  auto policy = std::make_shared<const turn::Policy>(MakePolicy(config, relay_addresses));
  auto certificate_store = OpenCertificates(config);
  if (!certificate_store.ok()) return certificate_store.error();
  ShardGroup::Options options = MakeShardGroupOptions(config, relay_addresses, policy);
  if (certificate_store.value() != nullptr) options.tls = certificate_store.value()->context();
  auto shards = ShardGroup::Open(options);
  if (!shards.ok()) return shards.error();
  const auto& listeners = shards.value()->listeners();
  if (std::none_of(
          listeners.begin(), listeners.end(),
          [](const ShardGroup::ListenerState& listener) { return listener.error.empty(); })) {
    return base::Error{listeners.empty()
                           ? "no listener is configured"
                           : "no listener could be opened: " + listeners.front().error};
  }
  auto kernel = KernelPath::Open(config, listeners, relay_addresses, {});
  if (!kernel.ok()) return kernel.error();
  return std::unique_ptr<RelayServer>(new RelayServer(
      config, std::move(relay_addresses), std::move(policy), std::move(certificate_store).value(),
      std::move(kernel).value(), std::move(shards).value()));
}

RelayServer::RelayServer(const Config& config, std::vector<turn::RelayAddress> relay_addresses,
                         std::shared_ptr<const turn::Policy> policy,
                         std::unique_ptr<CertificateStore> certificate_store,
                         KernelPath::Opened kernel, std::unique_ptr<ShardGroup> shards)
    : listeners_(config.listeners),
      min_port_(config.relay.min_port),
      max_port_(config.relay.max_port),
      relay_addresses_(std::move(relay_addresses)),
      policy_(std::move(policy)),
      certificate_store_(std::move(certificate_store)),
      kernel_(std::move(kernel)),
      shards_(std::move(shards)),
      started_(base::ReadClocks().monotonic) {
  shards_->SetKernelDatapath(kernel_.now().datapath);
}

std::vector<const ShardCounters*> RelayServer::counters() const {
  std::vector<const ShardCounters*> counters = shards_->counters();
  counters.push_back(&kernel_.ReadCounters());
  return counters;
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
  if (const auto& kernel = kernel_.now().datapath; kernel != nullptr)
    snapshot.kernel_datapath_mode = kernel->mode();
  snapshot.started = started_;
  return snapshot;
}

std::vector<std::string> RelayServer::unready_reasons() const {
  const turn::Ledger::Totals totals = shards_->ledger().ReadTotals();
  if (totals.ports_in_use >= totals.ports_limit) return {"no relay port is free"};
  return {};
}

std::vector<Certificate> RelayServer::certificates() const {
  if (certificate_store_ == nullptr) return {};
  return certificate_store_->context()->certificates();
}

void RelayServer::RefreshCertificates() {
  if (certificate_store_ == nullptr) return;
  const CertificateStore::Refreshed refreshed =
      certificate_store_->Refresh(base::ReadClocks().monotonic);
  switch (refreshed.outcome) {
    case CertificateStore::Outcome::kSame:
      return;
    case CertificateStore::Outcome::kFailed:
      if (refreshed.problem.empty()) return;
      Log(LogLevel::kWarning,
          "certificate files have changed but cannot be used; the former ones stay in use",
          {{"problem", refreshed.problem}});
      return;
    case CertificateStore::Outcome::kCertificatesChanged:
      shards_->SetTls(certificate_store_->context());
      LogCertificates(certificates());
      return;
    case CertificateStore::Outcome::kTicketKeysChanged:
      shards_->SetTls(certificate_store_->context());
      return;
  }
}

base::Result<void> RelayServer::Reconfigure(const Config& config) {
  // What can fail comes first, and then nothing has changed.
  auto kernel =
      config.relay.datapath == kernel_.now().choice
          ? base::Result<KernelPath::Opened>(kernel_.now())
          : KernelPath::Open(config, shards_->listeners(), relay_addresses_, kernel_.now());
  if (!kernel.ok()) return kernel.error();
  if (certificate_store_ != nullptr) {
    const auto replaced = certificate_store_->SetSources(CertificateSources(config));
    if (!replaced.ok()) return replaced.error();
    if (replaced.value()) {
      shards_->SetTls(certificate_store_->context());
      LogCertificates(certificates());
    }
  }
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
  shards_->SetSettings({policy_, MakeCredentials(effective), MakeRateLimits(effective)},
                       MakeLedgerOptions(effective, relay_addresses_),
                       effective.limits.connections_per_source);
  return {};
}

void RelayServer::SetDraining(bool is_draining) {
  turn::Policy policy = *policy_;
  policy.draining = is_draining;
  policy_ = std::make_shared<const turn::Policy>(std::move(policy));
  shards_->SetPolicy(policy_);
}

}  // namespace relay
