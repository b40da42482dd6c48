#pragma once

#include <optional>
#include <string>

#include "server/config/config.h"
#include "server/doctor/finding.h"
#include "server/tls/certificate.h"
#include "server/tls/chain_examination.h"

namespace relay {

// What is known of one pair of tls.certificates.
struct CertificateFacts {
  std::string path;
  std::string unusable;  // why the server could not use it; empty: it can
  bool covers_node = true;
  std::string names;  // for people
  ChainExamination chain;
};

// Reads the files. `node` is what clients are told; empty: nothing to cover.
CertificateFacts ReadCertificateFacts(const Config::Certificate& pair, const std::string& node);

// Area "certificates": one finding for each thing that is wrong, or one that says all is well.
// `is_own` says that the server made it for itself, whose chain nobody can trust. Pure.
Findings CheckCertificate(const CertificateFacts& facts, const std::string& node, bool is_own,
                          base::WallTime now);

}  // namespace relay
