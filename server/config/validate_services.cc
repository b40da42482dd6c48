#include <algorithm>
#include <string>

#include "auth/https_url.h"
#include "server/config/fields.h"
#include "server/config/units.h"
#include "server/config/validate.h"

namespace relay {
namespace {

using fields::Quoted;

void ValidateRoles(Draft& draft) {
  const Config& config = draft.config;
  if (draft.HasError("roles") || draft.HasError("credentials")) return;
  if (config.roles.empty()) {
    draft.AddError("roles", "is empty; accepted: a list of relay, credentials");
    return;
  }
  const bool has_credentials =
      std::ranges::find(config.roles, Config::Role::kCredentials) != config.roles.end();
  if (has_credentials && !OffersCredentials(config) && draft.IsWritten("roles")) {
    const std::string why =
        "nobody could use the credential service: there are neither credentials.issuers nor "
        "credentials.api_keys";
    if (IsRelay(config)) {
      draft.AddWarning("roles", why);
    } else {
      draft.AddError("roles", why);
    }
  }
  if (!IsRelay(config) && config.fleet.registry == "memory") {
    draft.AddWarning("fleet.registry",
                     "is memory, so that a credential service by itself knows no relay and can "
                     "give nobody credentials");
  }
}

void ValidateCredentialService(Draft& draft) {
  const Config& config = draft.config;
  if (!OffersCredentials(config) || draft.HasError("credentials")) return;
  if (config.auth.shared_secrets.empty() && !draft.HasError("auth.shared_secrets") &&
      !draft.makes_missing_certificates) {
    draft.AddError("credentials", "needs auth.shared_secrets, which sign what it gives");
  }
  if (config.credentials.listener_tls && config.tls.certificates.empty() &&
      !draft.HasError("tls") && !draft.makes_missing_certificates) {
    draft.AddError("credentials.listener.tls", "needs a certificate: add tls.certificates");
  }
  const base::Endpoint api{config.credentials.listener_address, config.credentials.listener_port};
  const bool is_metrics = api == base::Endpoint{config.metrics.address, config.metrics.port};
  const bool is_listener =
      IsRelay(config) && config.listeners_were_given &&
      std::ranges::any_of(config.listeners, [&](const Config::Listener& listener) {
        const bool is_over_udp = listener.transport == Config::ListenerTransport::kUdp ||
                                 listener.transport == Config::ListenerTransport::kDtls;
        return !is_over_udp && listener.address == api.address && listener.port == api.port;
      });
  if (api.port != 0 && (is_metrics || is_listener)) {
    draft.AddError(
        "credentials.listener.port",
        api.ToString() + " is also " + (is_metrics ? "where metrics are" : "one of the listeners"));
  }
}

void ValidateExactIssuer(Draft& draft, const std::string& key, const Config::Issuer& issuer) {
  const auto url = auth::ParseHttpsUrl(issuer.issuer);
  if (!url) {
    draft.AddError(key + ".issuer",
                   Quoted(issuer.issuer) +
                       " is no issuer; accepted: https://, a host in lower case, a port and a path "
                       "if need be, and neither user nor query");
  } else if (issuer.tenant_claim.empty() && base::IpAddress::Parse(url->host)) {
    draft.AddWarning(key + ".issuer",
                     "the first number of an address is taken for the tenant; a tenant_claim would "
                     "name it");
  }
}

void ValidateIssuerSuffix(Draft& draft, const std::string& key, const Config::Issuer& issuer) {
  const std::string& suffix = issuer.issuer_suffix;
  const std::string any_url = "https://" + suffix;
  const auto url = auth::ParseHttpsUrl(any_url);  // which the parts are views of
  // Of a single label, such as "com", anybody can have a name under it.
  const bool is_domain = url && url->host == suffix && suffix.find('.') != std::string::npos &&
                         !base::IpAddress::Parse(suffix);
  if (is_domain) return;
  draft.AddError(
      key + ".issuer_suffix",
      Quoted(suffix) + " is no domain of two labels or more in lower case, such as id.example.com");
}

void ValidateIssuer(Draft& draft, const std::string& key, const Config::Issuer& issuer) {
  if (issuer.issuer.empty()) {
    ValidateIssuerSuffix(draft, key, issuer);
  } else {
    ValidateExactIssuer(draft, key, issuer);
  }
  if (issuer.algorithms.empty()) {
    draft.AddError(key + ".algorithms", "is empty: no token could be taken");
  }
  if (issuer.mint_scope == issuer.admin_scope) {
    draft.AddError(key + ".admin_scope",
                   Quoted(issuer.admin_scope) +
                       " is also the mint_scope: whoever gets credentials could revoke others'");
  }
}

}  // namespace

void ValidateServices(Draft& draft) {
  const Config::Credentials& credentials = draft.config.credentials;
  ValidateRoles(draft);
  ValidateCredentialService(draft);
  if (credentials.default_ttl > credentials.max_ttl && !draft.HasError("credentials.ttl")) {
    draft.AddError("credentials.ttl", "default (" + PrintDuration(credentials.default_ttl) +
                                          ") is longer than max (" +
                                          PrintDuration(credentials.max_ttl) + ")");
  }
  if (draft.IsWritten("credentials.subject_key") &&
      draft.IsWritten("credentials.subject_key_file") && !draft.HasError("credentials")) {
    draft.AddError("credentials.subject_key",
                   "stands beside credentials.subject_key_file; one is enough");
  }
  for (std::size_t i = 0; i < credentials.issuers.size(); ++i) {
    const std::string key = "credentials.issuers[" + std::to_string(i) + "]";
    if (draft.HasError(key)) continue;
    if (draft.IsWritten(key + ".issuer") == draft.IsWritten(key + ".issuer_suffix")) {
      draft.AddError(key, "needs one of issuer and issuer_suffix");
      continue;
    }
    ValidateIssuer(draft, key, credentials.issuers[i]);
  }
}

}  // namespace relay
