#include "server/control/credential_settings.h"

#include "auth/subject_hash.h"

namespace relay {

std::string CredentialSettings::SubjectHash(const auth::SharedSecret& secret,
                                            std::string_view tenant,
                                            std::string_view subject) const {
  return auth::SubjectHash(subject_key.empty() ? auth::SubjectKeyOf(secret.secret) : subject_key,
                           tenant, subject);
}

CredentialSettings MakeCredentialSettings(const Config& config) {
  const Config::Credentials& credentials = config.credentials;
  CredentialSettings settings;
  settings.region = config.region;
  settings.secrets = auth::KeyRing(config.auth.shared_secrets);
  settings.subject_key = credentials.subject_key;
  settings.default_ttl = credentials.default_ttl;
  settings.max_ttl = credentials.max_ttl;
  if (config.auth.expired_refresh == Config::ExpiredRefresh::kGrace) {
    settings.refresh_grace = config.auth.expired_refresh_max;
  }
  settings.mints_per_subject = credentials.mints_per_subject;
  settings.mints_per_source = credentials.mints_per_source;
  settings.mints_per_tenant = credentials.mints_per_tenant;
  settings.allowed_origins = credentials.allowed_origins;
  settings.api_keys = credentials.api_keys;
  for (const Config::Issuer& issuer : credentials.issuers) {
    if (!issuer.issuer.empty()) settings.named_issuers.push_back(issuer.issuer);
  }
  return settings;
}

}  // namespace relay
