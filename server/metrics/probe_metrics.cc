#include "server/metrics/probe_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <utility>

namespace relay {
namespace {

enum Metric : std::size_t { kUp, kLoss, kRoundTrip, kJitter, kRuns };

double OrNotANumber(const std::optional<double>& value) {
  return value.value_or(std::numeric_limits<double>::quiet_NaN());
}

prometheus::ClientMetric Labelled(const ProbeSeries& way) {
  prometheus::ClientMetric metric;
  metric.label = {{"node", way.node}, {"transport", way.transport}};
  return metric;
}

void AddGauge(prometheus::MetricFamily& family, const ProbeSeries& way, double value) {
  prometheus::ClientMetric metric = Labelled(way);
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

void AddRuns(prometheus::MetricFamily& family, const ProbeSeries& way) {
  for (std::size_t i = 0; i < way.runs.size(); ++i) {
    prometheus::ClientMetric metric = Labelled(way);
    metric.label.push_back({"outcome", std::string(kProbeOutcomeLabels[i])});
    metric.counter.value = static_cast<double>(way.runs[i]);
    family.metric.push_back(std::move(metric));
  }
}

}  // namespace

const std::array<ProbeMetricRow, kProbeMetrics>& ProbeMetricCatalog() {
  static constexpr std::array<ProbeMetricRow, kProbeMetrics> kRows{{
      {.name = "probe_up",
       .type = "gauge",
       .unit = "",
       .help = "1 when the last probe relayed a packet there and back, else 0",
       .hint = "0 before the first probe is over, too. By one transport only: a firewall, or that "
               "listener. By all of them: the node, or its credentials; the log of the prober "
               "says at which step it fails."},
      {.name = "probe_loss_ratio",
       .type = "gauge",
       .unit = "ratio",
       .help = "How many of the last probe's packets did not come back",
       .hint = "1 when the probe got nothing through. A packet goes by two relays and back, so it "
               "crosses the network between prober and node twice in each direction."},
      {.name = "probe_round_trip_seconds",
       .type = "gauge",
       .unit = "seconds",
       .help = "The median round trip of the last probe's packets",
       .hint = "NaN when none came back. From one client to another and back: by two relays each "
               "way."},
      {.name = "probe_jitter_seconds",
       .type = "gauge",
       .unit = "seconds",
       .help = "The mean difference between successive round trips of the last probe",
       .hint = "NaN when none came back. What a jitter buffer has to even out."},
      {.name = "probe_runs_total",
       .type = "counter",
       .unit = "",
       .help = "Probes by what became of them",
       .hint = "`success`: every packet came back; `loss`: some did not; `failure`: it did not get "
               "as far as that, or nothing came back."},
  }};
  return kRows;
}

std::string RenderProbeMetrics(const std::vector<ProbeSeries>& ways) {
  std::vector<prometheus::MetricFamily> families;
  for (const ProbeMetricRow& row : ProbeMetricCatalog()) {
    prometheus::MetricFamily family;
    family.name = "senso_turn_" + std::string(row.name);
    family.help = std::string(row.help);
    family.type =
        row.type == "counter" ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    families.push_back(std::move(family));
  }
  for (const ProbeSeries& way : ways) {
    AddGauge(families[kUp], way, way.is_up ? 1 : 0);
    AddGauge(families[kLoss], way, way.loss_ratio);
    AddGauge(families[kRoundTrip], way, OrNotANumber(way.round_trip_seconds));
    AddGauge(families[kJitter], way, OrNotANumber(way.jitter_seconds));
    AddRuns(families[kRuns], way);
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace relay
