#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "server/control/bearer_check.h"
#include "server/control/credential_audit.h"
#include "server/control/credential_minter.h"
#include "server/control/credential_settings.h"
#include "server/control/mint_request.h"
#include "server/control/rate_limiter.h"
#include "server/control/revocation_request.h"
#include "server/fleet/fleet.h"
#include "server/metrics/process_counters.h"
#include "server/web/http_message.h"

namespace relay {

// The credential API, for whatever front a request came in by: minting, the TURN REST draft's form,
// revocation, and the list of nodes. docs/openapi.yaml describes it. Control thread only.
class CredentialRoutes {
 public:
  // All must outlive the routes.
  struct Parts {
    Fleet& fleet;
    BearerCheck& bearer;
    ProcessCounters& counters;
    base::RandomSource& random;
    std::function<base::Now()> clock;
  };

  CredentialRoutes(CredentialSettings settings, const Parts& parts);
  CredentialRoutes(const CredentialRoutes&) = delete;
  CredentialRoutes& operator=(const CredentialRoutes&) = delete;

  // From the next request on.
  void SetSettings(CredentialSettings settings);

  // Whether the path is one of the API; others are not to be given to Answer.
  bool Knows(std::string_view path) const;
  // `reply` is called once, at once or later; never after the destruction of the routes.
  void Answer(const HttpRequest& request, const HttpReply& reply);

 private:
  // A request on its way; only its handlers hold it.
  struct Exchange {
    HttpRequest request;
    HttpReply reply;
    AuditLine audit;
    std::shared_ptr<const CredentialSettings> settings;
  };
  using ExchangeHandle = std::shared_ptr<Exchange>;
  using Handler = void (CredentialRoutes::*)(const ExchangeHandle&);
  struct Route {
    std::string_view methods;  // "POST, OPTIONS"
    std::string_view action;   // for the log
    Handler handler;
    bool is_mint;
  };

  const Route* Find(std::string_view path) const;
  void HandleMint(const ExchangeHandle& exchange);
  void HandleRest(const ExchangeHandle& exchange);
  void HandleRevokeUsername(const ExchangeHandle& exchange);
  void HandleRevocations(const ExchangeHandle& exchange);
  void HandleNodes(const ExchangeHandle& exchange);

  // Calls `then` with who it is if the token is good and has the right; else answers.
  void Authenticate(const ExchangeHandle& exchange, bool auth::BearerIdentity::*right,
                    std::function<void(const auth::BearerIdentity&)> then);
  void MintFor(const ExchangeHandle& exchange, const auth::BearerIdentity& holder);
  // Mints and renders. The answer is a refusal if that is not possible.
  HttpResponse Issue(Exchange& exchange, const MintRequest& request, const MintHolder& holder,
                     bool is_rest);
  void Revoke(const ExchangeHandle& exchange, RevocationAnswer answer);
  std::string NewJti();

  Parts parts_;
  std::shared_ptr<const CredentialSettings> settings_;
  RateLimiter subjects_;
  RateLimiter sources_;
  RateLimiter tenants_;
  std::shared_ptr<char> alive_;  // what came back late finds it gone
};

}  // namespace relay
