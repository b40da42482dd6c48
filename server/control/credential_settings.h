#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_ring.h"
#include "server/config/config.h"

namespace relay {

// What the credential API goes by, taken from the configuration as one value.
struct CredentialSettings {
  std::string region;  // of this process
  auth::KeyRing secrets;
  std::string subject_key;  // empty: made from the secret that signs
  std::chrono::seconds default_ttl{3600};
  std::chrono::seconds max_ttl{12 * 3600};
  // For how long relays may go on with credentials that have expired.
  std::chrono::seconds refresh_grace{0};
  Config::Rate mints_per_subject;
  Config::Rate mints_per_source;
  Config::Rate mints_per_tenant;
  std::vector<std::string> allowed_origins;
  std::vector<Config::ApiKey> api_keys;
  // Issuers that are configured by their whole name. Administrators of all others, which are one
  // tenant each, have no say about anybody else.
  std::vector<std::string> named_issuers;

  // What stands for a subject in credentials that the secret signs.
  std::string SubjectHash(const auth::SharedSecret& secret, std::string_view tenant,
                          std::string_view subject) const;
};

CredentialSettings MakeCredentialSettings(const Config& config);

}  // namespace relay
