#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "protocol/turn/peer_policy.h"
#include "protocol/turn/policy.h"
#include "server/app/kernel_path.h"
#include "server/app/served_certificates.h"
#include "server/config/config.h"
#include "server/control/check_page.h"
#include "server/control/relay_control.h"
#include "server/fleet/fleet.h"
#include "server/net/shard_group.h"
#include "server/tls/certificate.h"

namespace relay {

// The relay as the control plane sees it: the shards, behind RelayControl.
class RelayServer final : public RelayControl {
 public:
  // Opens every socket and loads the certificates; nothing is served before Start. Fails when a
  // listener that the operator named cannot be opened, when none could be, and when a certificate
  // cannot be used.
  static base::Result<std::unique_ptr<RelayServer>> Open(
      const Config& config, std::vector<turn::RelayAddress> relay_addresses);
  // The same with what a former process has (docs/adr/0018).
  static base::Result<std::unique_ptr<RelayServer>> Open(
      const Config& config, std::vector<turn::RelayAddress> relay_addresses,
      std::optional<Inheritance> inheritance, std::vector<KernelLink> links = {});
  // Who answers the HTTP requests of edge listeners (http_handler.h). Before Start.
  void SetHttpHandler(const HttpHandler& handler) { shards_->SetHttpHandler(handler); }
  void Start();
  // For another process that takes over.
  std::vector<KernelLink> CopyKernelLinks() const;
  // Whether packets are relayed in the kernel now.
  bool has_kernel_datapath() const { return kernel_.now().datapath != nullptr; }
  // What users and tenants have on other nodes; nullptr: nothing, or nobody knows.
  void SetCountsElsewhere(std::shared_ptr<const turn::QuotaCounts> counts) {
    shards_->SetCountsElsewhere(std::move(counts));
  }

  const ShardGroup& shards() const { return *shards_; }
  // For an upgrade.
  ShardGroup& shards() { return *shards_; }
  // What a former process had counted, which is this one's past, too. Before the first scrape.
  void SetFormerTotals(const std::vector<std::uint64_t>& totals);
  // The shards have let go of what another process has: the kernel's path is the other one's, too.
  // Returns what was counted here until then. Control thread.
  std::vector<std::uint64_t> LeaveToSuccessor();
  // Those that new connections get.
  std::vector<Certificate> certificates() const { return certificates_.certificates(); }
  // nullptr: no TLS.
  std::shared_ptr<const TlsContext> tls() const { return certificates_.context(); }

  // What the fleet is told of this relay, without its load. TLS has URLs only if clients may trust
  // the certificates. Control thread.
  enum class TlsUrls : unsigned char { kName, kOmit };
  FleetNode Describe(TlsUrls tls_urls) const;

  // Which datapath there is, and why.
  const std::string& datapath_description() const { return kernel_.now().description; }

  std::vector<const ShardCounters*> counters() const override;
  RelaySnapshot ReadSnapshot() const override;
  std::vector<std::string> unready_reasons() const override;
  const CheckPageSettings* check_page() const override {
    return check_page_.is_enabled ? &check_page_ : nullptr;
  }
  void RefreshCertificates() override;
  base::Result<void> Reconfigure(const Config& config) override;
  void SetRevocations(const std::shared_ptr<const turn::Revocations>& revocations) override {
    shards_->SetRevocations(revocations);
  }
  void SetDraining(bool is_draining) override;
  void CollectUsage(const std::function<void(std::vector<UsageRecord>)>& sink) override {
    shards_->CollectUsage(sink);
  }
  std::size_t CollectSessions(
      const SessionFilter& filter,
      const std::function<void(std::vector<SessionRecord>)>& sink) override {
    return shards_->CollectSessions(filter, sink);
  }
  std::size_t Disconnect(std::uint64_t allocation_id,
                         const std::function<void(bool)>& sink) override {
    return shards_->Disconnect(allocation_id, sink);
  }
  void Stop() override { shards_->Stop(); }

 private:
  RelayServer(const Config& config, std::vector<turn::RelayAddress> relay_addresses,
              std::shared_ptr<const turn::Policy> policy, ServedCertificates certificates,
              KernelPath::Opened kernel, std::unique_ptr<ShardGroup> shards);

  std::vector<Config::Listener> listeners_;  // without those that were left out
  std::uint16_t min_port_;
  std::uint16_t max_port_;
  std::string name_;
  std::string region_;
  std::uint32_t allocations_limit_;
  std::vector<turn::RelayAddress> relay_addresses_;
  std::shared_ptr<const turn::Policy> policy_;
  ServedCertificates certificates_;
  KernelPath kernel_;
  std::unique_ptr<ShardGroup> shards_;
  base::MonotonicTime started_;
  ShardCounters former_counters_;  // of the process before
  CheckPageSettings check_page_;
};

}  // namespace relay
