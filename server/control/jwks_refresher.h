#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/bearer_verifier.h"
#include "auth/jwks_cache.h"
#include "protocol/base/result.h"
#include "server/control/bearer_check.h"
#include "server/http/event_loop.h"
#include "server/http/http_client.h"
#include "server/metrics/process_counters.h"

namespace relay {

// Checks bearer tokens with the keys of their issuers, which it fetches by OpenID Connect Discovery
// and keeps fresh. Control thread only; nothing waits.
class JwksRefresher final : public BearerCheck {
 public:
  // Tokens that wait for keys; further ones get kKeysUnavailable.
  static constexpr std::size_t kMaxWaiting = 1000;
  // Of them for one issuer, so that one that is slow leaves room for the others.
  static constexpr std::size_t kMaxWaitingForIssuer = 200;

  struct Settings {
    std::vector<auth::IssuerRule> rules;
    HttpClient::Options client;
  };

  // `loop` and `counters` must outlive it.
  JwksRefresher(EventLoop& loop, ProcessCounters& counters);
  JwksRefresher(const JwksRefresher&) = delete;
  JwksRefresher& operator=(const JwksRefresher&) = delete;
  ~JwksRefresher() override;

  // A client as the settings ask for, which Configure takes. Fails when the authorities cannot be
  // read.
  base::Result<std::unique_ptr<HttpClient>> MakeClient(const Settings& settings) const;
  // Before the first check and at each reload. The keys of issuers that stay are kept. Not inside a
  // `done` of Check.
  void Configure(const Settings& settings, std::unique_ptr<HttpClient> client);

  void Check(std::string_view token, std::function<void(Answer)> done) override;

  // How many issuers' keys are used though they are old, since no new ones can be had.
  std::size_t stale_issuers() const;
  // When the oldest keys in use were fetched; nullopt: there are none.
  std::optional<base::WallTime> keys_fetched() const;

 private:
  struct Waiting {
    auth::UncheckedBearer bearer;
    std::function<void(Answer)> done;
  };

  void Finish(const std::function<void(Answer)>& done, Answer answer);
  void Fetch(const std::string& issuer);
  void FetchKeys(const std::string& issuer, const std::string& url);
  void EndFetch(const std::string& issuer, std::optional<auth::JwkSet> keys,
                std::optional<std::chrono::seconds> max_age, std::string_view problem);
  void RefreshDue();

  EventLoop& loop_;
  ProcessCounters& counters_;
  auth::BearerVerifier verifier_{{}};
  auth::JwksCache cache_;
  std::unique_ptr<HttpClient> client_;
  std::map<std::string, std::vector<Waiting>, std::less<>> waiting_;  // by issuer
  std::size_t waiting_count_ = 0;
  Timer refresh_timer_;
};

}  // namespace relay
