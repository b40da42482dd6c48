#pragma once

#include <memory>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/config.h"
#include "server/tls/certificate.h"
#include "server/tls/certificate_store.h"

namespace relay {

// The certificates that this process serves with, whatever with, or none. Says in the log what is
// in use. One thread.
class ServedCertificates {
 public:
  // Fails when one that is configured cannot be used.
  static base::Result<ServedCertificates> Open(const Config& config);

  // For new connections; nullptr: there are none, and never will be.
  std::shared_ptr<const TlsContext> context() const;
  std::vector<Certificate> certificates() const;

  // Looks whether the files have been replaced. True: there is a new context.
  bool Refresh();
  // Other files from now on. True: there is a new context. Fails when one cannot be used: nothing
  // has changed.
  base::Result<bool> SetFiles(const Config& config);

 private:
  explicit ServedCertificates(std::unique_ptr<CertificateStore> store) : store_(std::move(store)) {}

  std::unique_ptr<CertificateStore> store_;  // nullptr: no TLS
};

}  // namespace relay
