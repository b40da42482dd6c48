#include "server/metrics/metric_rows.h"

namespace relay {

std::vector<MetricRow> ServiceRows() {
  return {
      {.name = "credentials_issued_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Requests for credentials, by outcome",
       .hint = "\"unavailable\": an issuer's keys cannot be fetched, and no new client gets in.",
       .labels = {{"outcome", kIssueOutcomeLabels}},
       .source = ProcessReader([](const ProcessCounters& process, std::size_t outcome) {
         return Number(process.credentials_issued[outcome]);
       })},
      {.name = "bearer_failures_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Bearer tokens that were not taken, by reason",
       .hint =
           "\"unknown_key\" and \"signature\" in numbers: an issuer rotates faster than its keys "
           "are published, or somebody forges.",
       .labels = {{"reason", kBearerFailureLabels}},
       .source = ProcessReader([](const ProcessCounters& process, std::size_t reason) {
         return Number(process.bearer_failures[reason]);
       })},
      {.name = "jwks_refreshes_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Attempts to fetch the keys of a token issuer, by outcome",
       .hint = "Failures in a row: look at the issuer, the proxy and the trust store before the "
               "cached keys run out.",
       .labels = {{"outcome", kSuccessLabels}},
       .source = ProcessReader([](const ProcessCounters& process, std::size_t outcome) {
         return Number(process.jwks_refreshes[outcome]);
       })},
      {.name = "http_request_duration_seconds",
       .type = MetricType::kHistogram,
       .unit = "seconds",
       .help = "How long this process took to answer an HTTP request, scrapes and probes included",
       .hint = "Slow answers mean a busy control thread; relayed packets do not wait for it.",
       .labels = {},
       .source =
           ProcessHistogramReader([](const ProcessCounters& process, HistogramTotals& totals) {
             AddTo(totals, kHttpRequestDurationBounds, process.http_request_duration);
           })},
      {.name = "token_issuers_stale",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Token issuers whose keys are used though they are old, since none can be fetched",
       .hint = "Tokens are taken for a day after the keys grew old, and then no longer.",
       .labels = {},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         return Single(static_cast<double>(snapshot.stale_issuers));
       })},
      {.name = "token_keys_fetched_timestamp_seconds",
       .type = MetricType::kGauge,
       .unit = "seconds",
       .help = "When the oldest keys of a token issuer in use were fetched, in seconds since the "
               "epoch. Absent where there are none",
       .hint = "How long it is ago is the age of the keys: with token_issuers_stale above 0, alert "
               "before it is a day.",
       .labels = {},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         std::vector<Sample> samples;
         if (snapshot.token_keys_fetched)
           samples.push_back({{}, SecondsSinceEpoch(*snapshot.token_keys_fetched)});
         return samples;
       })},
  };
}

}  // namespace relay
