#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/base/random.h"
#include "server/tls/certificate.h"
#include "server/tls/self_signed.h"
#include "server/tls/tls_context.h"
#include "tests/support/temporary_directory.h"

namespace test_support {

using Names = std::vector<std::string>;

// Made once a process for each kind and set of names: an RSA key takes its time.
inline const relay::SelfSignedCertificate& SelfSigned(relay::KeyType type, const Names& names) {
  static std::map<std::pair<relay::KeyType, Names>, relay::SelfSignedCertificate> made;
  auto place = made.find({type, names});
  if (place == made.end()) {
    auto fresh =
        relay::MakeSelfSignedCertificate(type, names, {}, std::chrono::system_clock::now());
    CHECK(fresh.ok());
    place = made.emplace(std::pair(type, names), std::move(fresh).value()).first;
  }
  return place->second;
}

inline relay::Certificate LoadSelfSigned(relay::KeyType type, const Names& names) {
  const TemporaryDirectory directory;
  const relay::SelfSignedCertificate& made = SelfSigned(type, names);
  auto loaded = relay::Certificate::Load(directory.Write("tls.crt", made.certificate_pem),
                                         directory.Write("tls.key", made.private_key_pem));
  CHECK(loaded.ok());
  return std::move(loaded).value();
}

inline relay::TicketKeys NewTicketKeys() {
  base::OsRandom random;
  return {relay::TicketKey::Generate(random), std::nullopt};
}

inline std::shared_ptr<const relay::TlsContext> NewContext(
    std::vector<relay::Certificate> certificates,
    const relay::TicketKeys& ticket_keys = NewTicketKeys()) {
  auto context = relay::TlsContext::Create(std::move(certificates), ticket_keys);
  CHECK(context.ok());
  return std::move(context).value();
}

// One of each key type, for the same name.
inline std::shared_ptr<const relay::TlsContext> NewContext() {
  return NewContext({LoadSelfSigned(relay::KeyType::kEcP256, {"turn.example.test"}),
                     LoadSelfSigned(relay::KeyType::kRsa2048, {"turn.example.test"})});
}

}  // namespace test_support
