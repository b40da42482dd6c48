#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/app/served_certificates.h"
#include "server/control/relay_control.h"

namespace relay {

// What the control plane has in place of a relay in a process that is only the credential service:
// no listener, no shard, nothing to drain.
class ServiceOnly final : public RelayControl {
 public:
  // Fails when a certificate cannot be used.
  static base::Result<std::unique_ptr<ServiceOnly>> Open(const Config& config);

  // nullptr: no TLS.
  std::shared_ptr<const TlsContext> tls() const { return certificates_.context(); }

  std::vector<const ShardCounters*> counters() const override { return {}; }
  RelaySnapshot ReadSnapshot() const override;
  std::vector<std::string> unready_reasons() const override { return {}; }
  void RefreshCertificates() override { certificates_.Refresh(); }
  base::Result<void> Reconfigure(const Config& config) override;
  void SetDraining(bool /*is_draining*/) override {}
  void Stop() override {}

 private:
  explicit ServiceOnly(ServedCertificates certificates)
      : certificates_(std::move(certificates)), started_(base::ReadClocks().monotonic) {}

  ServedCertificates certificates_;
  base::MonotonicTime started_;
};

}  // namespace relay
