#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/tls/tls_context.h"

namespace relay {

// The certificates of the configuration and their files, which may be replaced at any time: in
// place, by a rename, or by the swap of a symbolic link somewhere on the way (Kubernetes'
// `..data`). Looks at the files when told to, which is cheap; see docs/adr for why it does not wait
// for notifications. One thread.
class CertificateStore {
 public:
  struct Source {
    std::string certificate_path;
    std::string private_key_path;

    friend bool operator==(const Source&, const Source&) = default;
  };

  // Every pair must load, or it fails with the reason of the first that does not.
  static base::Result<std::unique_ptr<CertificateStore>> Open(std::vector<Source> sources,
                                                              base::MonotonicTime now);
  CertificateStore(const CertificateStore&) = delete;
  CertificateStore& operator=(const CertificateStore&) = delete;
  ~CertificateStore();

  const std::shared_ptr<const TlsContext>& context() const;

  // Other files from now on. True: there is a new context, which knows the tickets of the former.
  // False: the files are the same. Fails when one of them cannot be used: nothing has changed.
  base::Result<bool> SetSources(std::vector<Source> sources);

  enum class Outcome : unsigned char {
    kSame,
    kTicketKeysChanged,    // a new context; the certificates are the same
    kCertificatesChanged,  // a new context
    kFailed,               // files have changed but cannot be used: the former context stays
  };
  struct Refreshed {
    Outcome outcome = Outcome::kSame;
    std::string problem;  // for kFailed; the same problem is reported once
  };
  // Looks whether files have changed, loads them if so, and changes the ticket keys when they are
  // old. What cannot be used (half of a pair has been replaced, say) is tried again at every call.
  Refreshed Refresh(base::MonotonicTime now);

  // How long tickets are sealed with one key.
  static constexpr std::chrono::hours kTicketKeyPeriod{12};

 private:
  class Impl;
  explicit CertificateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
