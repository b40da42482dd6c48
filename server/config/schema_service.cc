#include "server/config/fields.h"
#include "server/config/text_rules.h"

// The credential service and the fleet.
namespace relay {
namespace {

using namespace fields;  // NOLINT(google-build-using-namespace): the table reads better

void AppendIssuerRows(std::vector<Row>& rows) {
  rows.push_back(ListOfMaps(
      "credentials.issuers", "list of issuers",
      "Whose bearer tokens are accepted. Each has one of `issuer` and `issuer_suffix`. Keys are "
      "fetched by OpenID Connect Discovery.",
      [](Draft& draft) { draft.config.credentials.issuers.clear(); },
      [](Draft& draft) { draft.config.credentials.issuers.emplace_back(); }));
  CompareBy(rows.back(), CONFIG_MEMBER(credentials.issuers));
  rows.push_back(Scalar("credentials.issuers[].issuer", HttpsUrl(),
                        CONFIG_MEMBER(credentials.issuers.back().issuer),
                        "The issuer, exactly as in the token."));
  rows.push_back(Scalar("credentials.issuers[].issuer_suffix", HostName(),
                        CONFIG_MEMBER(credentials.issuers.back().issuer_suffix),
                        "Any `https://label.suffix` with one label before it."));
  rows.push_back(Required(Scalar("credentials.issuers[].audience", Secret(),
                                 CONFIG_MEMBER(credentials.issuers.back().audience),
                                 "The audience that a token must name.")));
  std::vector<std::pair<std::string, std::string>> algorithms;
  for (const char* name :
       {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}) {
    algorithms.emplace_back(name, name);
  }
  rows.push_back(Required(List("credentials.issuers[].algorithms", Choice<std::string>(algorithms),
                               CONFIG_MEMBER(credentials.issuers.back().algorithms),
                               "The signatures that are accepted; never chosen by the token.")));
  rows.push_back(Scalar("credentials.issuers[].tenant_claim",
                        AnyText("claim", "the name of a claim, or empty"),
                        CONFIG_MEMBER(credentials.issuers.back().tenant_claim),
                        "The claim that names the tenant; empty: the first label of the issuer's "
                        "host does. An issuer by suffix can only name its own label."));
  rows.push_back(Scalar("credentials.issuers[].mint_scope", Secret(),
                        CONFIG_MEMBER(credentials.issuers.back().mint_scope),
                        "The scope that allows to ask for credentials."));
  rows.push_back(Scalar("credentials.issuers[].admin_scope", Secret(),
                        CONFIG_MEMBER(credentials.issuers.back().admin_scope),
                        "The scope that allows to revoke credentials and to list nodes."));
}

}  // namespace

void AppendServiceRows(std::vector<Row>& rows) {
  const auto ttl = Duration(std::chrono::seconds(60), std::chrono::days(30));
  rows.push_back(NeedsRestart(
      Scalar("credentials.listener.address", Address(), CONFIG_MEMBER(credentials.listener_address),
             "Where the HTTP API listens besides the `edge` listeners, if `roles` has "
             "`credentials` and there are `issuers` or `api_keys`.")));
  rows.push_back(NeedsRestart(Scalar("credentials.listener.port", Port(0),
                                     CONFIG_MEMBER(credentials.listener_port),
                                     "Its port; `0` lets the system choose one.")));
  rows.push_back(NeedsRestart(Scalar("credentials.listener.tls", Boolean(),
                                     CONFIG_MEMBER(credentials.listener_tls),
                                     "HTTPS, with `tls.certificates`.")));
  AppendIssuerRows(rows);
  rows.push_back(Scalar("credentials.ttl.default", ttl, CONFIG_MEMBER(credentials.default_ttl),
                        "How long credentials are valid when nobody says."));
  rows.push_back(Scalar("credentials.ttl.max", ttl, CONFIG_MEMBER(credentials.max_ttl),
                        "The longest that the API gives."));
  rows.push_back(Scalar("credentials.mints.per_subject", Rate(),
                        CONFIG_MEMBER(credentials.mints_per_subject),
                        "Credentials for a subject."));
  rows.push_back(Scalar("credentials.mints.per_source", Rate(),
                        CONFIG_MEMBER(credentials.mints_per_source),
                        "Requests of an address (IPv6: of a /64), answered or not. Behind a proxy "
                        "all come from its address."));
  rows.push_back(Scalar("credentials.mints.per_tenant", Rate(),
                        CONFIG_MEMBER(credentials.mints_per_tenant), "Credentials for a tenant."));
  rows.push_back(List("credentials.allowed_origins", Origin(),
                      CONFIG_MEMBER(credentials.allowed_origins),
                      "Origins of web pages that may call the API (CORS)."));
  rows.push_back(Scalar("credentials.http_proxy", AnyText("URL", "a URL, or empty"),
                        CONFIG_MEMBER(credentials.http_proxy), "Proxy for fetching keys."));
  rows.push_back(Scalar("credentials.ca_file", AnyText("path", "a path, or empty"),
                        CONFIG_MEMBER(credentials.ca_file),
                        "Further authorities that are trusted when keys are fetched."));
  rows.push_back(ListOfMaps(
      "credentials.api_keys", "list of API keys",
      "For applications that use the TURN REST draft's form, `GET /?service=turn&key=`.",
      [](Draft& draft) { draft.config.credentials.api_keys.clear(); },
      [](Draft& draft) { draft.config.credentials.api_keys.emplace_back(); }));
  CompareBy(rows.back(), CONFIG_MEMBER(credentials.api_keys));
  rows.push_back(Required(Scalar("credentials.api_keys[].key", Secret(),
                                 CONFIG_MEMBER(credentials.api_keys.back().key), "The key.")));
  rows.push_back(Required(Scalar("credentials.api_keys[].tenant", Label("tenant"),
                                 CONFIG_MEMBER(credentials.api_keys.back().tenant),
                                 "Whom its credentials are charged to.")));

  const auto subject_key = CONFIG_MEMBER(credentials.subject_key);
  rows.push_back(Scalar("credentials.subject_key", Unprinted(Secret()), subject_key,
                        "What the hash that stands for a subject in user names is keyed with. The "
                        "same in all services of a fleet, and not changed when secrets are: then "
                        "users keep their quotas, and revocations hold, across a rotation. "
                        "Without one it is made from the secret that signs."));
  rows.push_back(
      FromFile("credentials.subject_key_file", Secret(), subject_key, "A file with it, instead."));

  rows.push_back(NeedsRestart(Scalar(
      "fleet.registry", Registry(), CONFIG_MEMBER(fleet.registry),
      "Where the nodes of a region tell each other what they know: `memory`, for a node that "
      "is alone, or a Redis on a private network (there is no TLS), as "
      "`redis://user@host:6379/0` or `unix:/path?user=NAME&database=0`.")));
  rows.push_back(
      NeedsRestart(FromFile("fleet.password_file", Secret(), CONFIG_MEMBER(fleet.password),
                            "A file with the password of Redis, here and in other regions.")));
  rows.push_back(NeedsRestart(List("fleet.read", Registry(), CONFIG_MEMBER(fleet.read),
                                   "Registries of other regions, whose nodes are offered and "
                                   "which are told of revocations.")));
}

}  // namespace relay
