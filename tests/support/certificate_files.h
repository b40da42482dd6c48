#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/base/time.h"
#include "server/tls/self_signed.h"
#include "tests/support/temporary_directory.h"

namespace test_support {

// A certificate and its key in two files.
struct CertificateFiles {
  std::string certificate;
  std::string private_key;
};

inline constexpr std::chrono::days kCertificateLife{3652};  // about, see MakeSelfSignedCertificate

// Writes NAME.crt and NAME.key, the latter for its owner only. `left` is how long the certificate
// is going to be valid, give or take two days.
inline CertificateFiles WriteCertificate(const TemporaryDirectory& directory,
                                         const std::string& name,
                                         const std::vector<std::string>& names,
                                         const std::vector<std::string>& addresses = {},
                                         std::chrono::days left = kCertificateLife,
                                         relay::KeyType key_type = relay::KeyType::kEcP256) {
  std::vector<base::IpAddress> parsed;
  for (const std::string& address : addresses) {
    parsed.push_back(*base::IpAddress::Parse(address));
  }
  const auto made = relay::MakeSelfSignedCertificate(
      key_type, names, parsed, base::ReadClocks().wall - (kCertificateLife - left));
  CHECK(made.ok());
  const CertificateFiles files{directory.Write(name + ".crt", made.value().certificate_pem),
                               directory.Write(name + ".key", made.value().private_key_pem)};
  std::filesystem::permissions(files.private_key, std::filesystem::perms(0600));
  return files;
}

}  // namespace test_support
