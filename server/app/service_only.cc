#include "server/app/service_only.h"

namespace relay {

base::Result<std::unique_ptr<ServiceOnly>> ServiceOnly::Open(const Config& config) {
  auto certificates = ServedCertificates::Open(config);
  if (!certificates.ok()) return certificates.error();
  return std::unique_ptr<ServiceOnly>(new ServiceOnly(std::move(certificates).value()));
}

RelaySnapshot ServiceOnly::ReadSnapshot() const {
  RelaySnapshot snapshot;
  for (const Certificate& certificate : certificates_.certificates()) {
    snapshot.certificates.push_back(
        {certificate.path(), certificate.names(), certificate.not_after()});
  }
  snapshot.started = started_;
  return snapshot;
}

base::Result<void> ServiceOnly::Reconfigure(const Config& config) {
  const auto replaced = certificates_.SetFiles(config);
  if (!replaced.ok()) return replaced.error();
  return {};
}

}  // namespace relay
