#pragma once

#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"

namespace relay {

// Whom a certificate is for.
struct CertificateSubjects {
  std::vector<std::string> names;
  std::vector<base::IpAddress> addresses;
};

// Those of a server without a configuration: its node, if it has one, every address of its
// allocations, inside and outside, and this host for itself.
CertificateSubjects SubjectsOf(const std::string& node,
                               const std::vector<turn::RelayAddress>& relay_addresses);

// Certificates that sign themselves, one with an RSA and one with an EC key.
struct KeptCertificates {
  std::vector<Config::Certificate> certificates;
  std::vector<std::string> replaced;  // why one that was there has been made anew, a sentence each
};

// Those that are kept in `directory` as tls-rsa.crt, tls-rsa.key, tls-ec.crt and tls-ec.key; made
// when there are none, and made anew when one cannot be used, nears its end, or is for others than
// `subjects`. Keys have the mode 0600. Two processes that do this at once get the same ones. Fails
// when they can be neither used nor made. `now` is what expiry is compared with.
base::Result<KeptCertificates> KeepCertificates(const std::string& directory,
                                                const CertificateSubjects& subjects,
                                                base::WallTime now);

}  // namespace relay
