#include "server/app/served_certificates.h"

#include <string>
#include <utility>

#include "protocol/base/time.h"
#include "server/log/log.h"
#include "server/log/log_text.h"

namespace relay {
namespace {

std::vector<CertificateStore::Source> SourcesOf(const Config& config) {
  std::vector<CertificateStore::Source> sources;
  sources.reserve(config.tls.certificates.size());
  for (const Config::Certificate& pair : config.tls.certificates) {
    sources.push_back({pair.certificate_path, pair.private_key_path});
  }
  return sources;
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

base::Result<ServedCertificates> ServedCertificates::Open(const Config& config) {
  if (config.tls.certificates.empty()) return ServedCertificates(nullptr);
  auto store = CertificateStore::Open(SourcesOf(config), base::ReadClocks().monotonic);
  if (!store.ok()) return store.error();
  return ServedCertificates(std::move(store).value());
}

std::shared_ptr<const TlsContext> ServedCertificates::context() const {
  return store_ == nullptr ? nullptr : store_->context();
}

std::vector<Certificate> ServedCertificates::certificates() const {
  if (store_ == nullptr) return {};
  return store_->context()->certificates();
}

bool ServedCertificates::Refresh() {
  if (store_ == nullptr) return false;
  const CertificateStore::Refreshed refreshed = store_->Refresh(base::ReadClocks().monotonic);
  switch (refreshed.outcome) {
    case CertificateStore::Outcome::kSame:
      return false;
    case CertificateStore::Outcome::kFailed:
      if (refreshed.problem.empty()) return false;
      Log(LogLevel::kWarning,
          "certificate files have changed but cannot be used; the former ones stay in use",
          {{"problem", refreshed.problem}});
      return false;
    case CertificateStore::Outcome::kCertificatesChanged:
      LogCertificates(certificates());
      return true;
    case CertificateStore::Outcome::kTicketKeysChanged:
      return true;
  }
  return false;
}

base::Result<bool> ServedCertificates::SetFiles(const Config& config) {
  if (store_ == nullptr) return false;
  auto replaced = store_->SetSources(SourcesOf(config));
  if (replaced.ok() && replaced.value()) LogCertificates(certificates());
  return replaced;
}

}  // namespace relay
