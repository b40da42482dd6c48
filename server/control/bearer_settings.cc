#include "server/control/bearer_settings.h"

namespace relay {

JwksRefresher::Settings MakeBearerSettings(const Config& config) {
  JwksRefresher::Settings settings;
  settings.client.proxy = config.credentials.http_proxy;
  settings.client.ca_file = config.credentials.ca_file;
  for (const Config::Issuer& issuer : config.credentials.issuers) {
    auth::IssuerRule rule;
    rule.issuer = issuer.issuer;
    rule.issuer_suffix = issuer.issuer_suffix;
    rule.audience = issuer.audience;
    rule.tenant_claim = issuer.tenant_claim;
    rule.mint_scope = issuer.mint_scope;
    rule.admin_scope = issuer.admin_scope;
    for (const std::string& name : issuer.algorithms) {
      if (const auto algorithm = auth::ParseSignatureAlgorithm(name))
        rule.algorithms.push_back(*algorithm);
    }
    settings.rules.push_back(std::move(rule));
  }
  return settings;
}

}  // namespace relay
