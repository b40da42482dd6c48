#include "server/control/jwks_refresher.h"

#include <chrono>
#include <utility>
#include <variant>

#include "auth/oidc_discovery.h"
#include "protocol/base/time.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kRefreshPoll{1};

base::MonotonicTime Now() { return base::ReadClocks().monotonic; }

// What a document may be made from; a problem otherwise.
base::Result<HttpClient::Answer> Successful(base::Result<HttpClient::Answer> answer) {
  if (answer.ok() && answer.value().status != 200)
    return base::Error{"the answer is " + std::to_string(answer.value().status)};
  return answer;
}

}  // namespace

JwksRefresher::JwksRefresher(EventLoop& loop, ProcessCounters& counters)
    : loop_(loop), counters_(counters), refresh_timer_(loop, [this] { RefreshDue(); }) {}

JwksRefresher::~JwksRefresher() = default;

base::Result<std::unique_ptr<HttpClient>> JwksRefresher::MakeClient(
    const Settings& settings) const {
  return HttpClient::Create(loop_, settings.client);
}

void JwksRefresher::Configure(const Settings& settings, std::unique_ptr<HttpClient> client) {
  // What the former client was fetching is lost with it: those who wait are answered.
  auto waiting = std::exchange(waiting_, {});
  waiting_count_ = 0;
  client_ = std::move(client);
  verifier_ = auth::BearerVerifier(settings.rules);
  cache_.AbandonFetches();
  cache_.Retain([this](const std::string& issuer) { return verifier_.IsKnown(issuer); });
  for (auto& [issuer, those] : waiting) {
    for (Waiting& one : those) Finish(one.done, auth::BearerError::kKeysUnavailable);
  }
  refresh_timer_.Start(kRefreshPoll);
}

void JwksRefresher::Check(std::string_view token, std::function<void(Answer)> done) {
  const base::Now now = base::ReadClocks();
  auto read = verifier_.Read(token, now.wall);
  if (const auto* error = std::get_if<auth::BearerError>(&read)) return Finish(done, *error);
  auto& bearer = std::get<auth::UncheckedBearer>(read);
  const auth::JwksCache::Answer found = cache_.Find(bearer, now.monotonic);
  using Advice = auth::JwksCache::Advice;
  if (found.advice == Advice::kJudge)
    return Finish(done, auth::BearerVerifier::Verify(bearer, *found.keys, now.wall));
  if (found.advice == Advice::kGiveUp || waiting_count_ >= kMaxWaiting)
    return Finish(done, auth::BearerError::kKeysUnavailable);
  const std::string issuer = bearer.issuer;
  std::vector<Waiting>& waiting = waiting_[issuer];
  if (waiting.size() >= kMaxWaitingForIssuer)
    return Finish(done, auth::BearerError::kKeysUnavailable);
  waiting.push_back({std::move(bearer), std::move(done)});
  ++waiting_count_;
  if (found.advice == Advice::kFetch) Fetch(issuer);
}

std::size_t JwksRefresher::stale_issuers() const { return cache_.StaleCount(Now()); }

std::optional<base::WallTime> JwksRefresher::keys_fetched() const {
  const base::Now now = base::ReadClocks();
  const auto fetched = cache_.OldestFetch(now.monotonic);
  if (!fetched) return std::nullopt;
  using std::chrono::duration_cast;
  return now.wall - duration_cast<base::WallTime::duration>(now.monotonic - *fetched);
}

void JwksRefresher::Finish(const std::function<void(Answer)>& done, Answer answer) {
  if (const auto* error = std::get_if<auth::BearerError>(&answer))
    counters_.bearer_failures[LabelIndex(*error)].Add();
  done(std::move(answer));
}

void JwksRefresher::Fetch(const std::string& issuer) {
  cache_.BeginFetch(issuer, Now());
  client_->Get(auth::DiscoveryUrl(issuer), [this, issuer](base::Result<HttpClient::Answer> got) {
    const auto answer = Successful(std::move(got));
    if (!answer.ok()) return EndFetch(issuer, std::nullopt, {}, answer.error().message);
    const auto kind =
        verifier_.IsListed(issuer) ? auth::IssuerKind::kListed : auth::IssuerKind::kOfSuffix;
    const auto url = auth::ReadJwksUri(answer.value().body, issuer, kind);
    if (!url) return EndFetch(issuer, std::nullopt, {}, "its discovery document is not its own");
    FetchKeys(issuer, *url);
  });
}

void JwksRefresher::FetchKeys(const std::string& issuer, const std::string& url) {
  client_->Get(url, [this, issuer](base::Result<HttpClient::Answer> got) {
    const auto answer = Successful(std::move(got));
    if (!answer.ok()) return EndFetch(issuer, std::nullopt, {}, answer.error().message);
    auto keys = auth::JwkSet::Parse(answer.value().body);
    const bool is_empty = !keys || keys->size() == 0;
    if (is_empty) return EndFetch(issuer, std::nullopt, {}, "there is no key that can be used");
    EndFetch(issuer, std::move(keys), answer.value().max_age, "");
  });
}

void JwksRefresher::EndFetch(const std::string& issuer, std::optional<auth::JwkSet> keys,
                             std::optional<std::chrono::seconds> max_age,
                             std::string_view problem) {
  const bool is_success = keys.has_value();
  const RefreshOutcome outcome = is_success ? RefreshOutcome::kSuccess : RefreshOutcome::kFailure;
  counters_.jwks_refreshes[LabelIndex(outcome)].Add();
  if (!is_success) {
    // Issuers that somebody makes up are not worth a line each.
    const bool is_known = verifier_.IsListed(issuer) || cache_.KeysOf(issuer, Now()) != nullptr;
    Log(is_known ? LogLevel::kWarning : LogLevel::kDebug, "the keys of an issuer cannot be fetched",
        {{"issuer", issuer}, {"reason", problem}});
  }
  const base::Now now = base::ReadClocks();
  cache_.EndFetch(issuer, std::move(keys), max_age, now.monotonic);

  const auto found = waiting_.find(issuer);
  if (found == waiting_.end()) return;
  const std::vector<Waiting> waiting = std::move(found->second);
  waiting_.erase(found);
  waiting_count_ -= waiting.size();
  const auto usable = cache_.KeysOf(issuer, now.monotonic);
  for (const Waiting& one : waiting) {
    if (usable == nullptr) {
      Finish(one.done, auth::BearerError::kKeysUnavailable);
    } else {
      Finish(one.done, auth::BearerVerifier::Verify(one.bearer, *usable, now.wall));
    }
  }
}

void JwksRefresher::RefreshDue() {
  for (const std::string& issuer : cache_.DueForRefresh(Now())) Fetch(issuer);
  refresh_timer_.Start(kRefreshPoll);
}

}  // namespace relay
