#pragma once

#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"

namespace relay {

// A certificate and its key as PEM, signed by itself: enough to try TLS with, for clients that are
// told to trust it.
struct SelfSignedCertificate {
  std::string certificate_pem;
  std::string private_key_pem;
};

enum class KeyType : unsigned char { kRsa2048, kEcP256 };

// Valid from a day before `now` for ten years, for these DNS names and addresses (at least one).
// Takes about a tenth of a second for RSA. Fails when a name does not fit into a certificate.
base::Result<SelfSignedCertificate> MakeSelfSignedCertificate(
    KeyType key_type, const std::vector<std::string>& names,
    const std::vector<base::IpAddress>& addresses, base::WallTime now);

}  // namespace relay
