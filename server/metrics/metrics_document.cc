#include "server/metrics/metrics_document.h"

#include "server/metrics/metric_catalog.h"
#include "server/metrics/probe_metrics.h"

namespace relay {
namespace {

constexpr std::string_view kIntroduction = R"(# Metrics

Generated from the catalog in `server/metrics/metric_catalog.cc`; a test checks that it is current. Do not edit.

`GET /metrics` on the address of `metrics` in the configuration (default `127.0.0.1:9641`) answers in Prometheus' text
format. Every series with a fixed set of label values exists from the start, at zero. No label ever carries a user, a
session or a peer. `/livez` and `/readyz` on the same address are for probes.

)";

std::string Row(const MetricRow& row) {
  std::string text = "## `" + FullName(row) + "`\n\n" + std::string(ToString(row.type));
  if (!row.unit.empty()) text += ", " + std::string(row.unit);
  text += ". " + std::string(row.help) + ".\n\n";
  for (const MetricLabel& label : row.labels) {
    text += "* `" + std::string(label.name) + "`: ";
    if (label.values.empty()) text += "as found at run time";
    for (std::size_t i = 0; i < label.values.size(); ++i) {
      text += (i == 0 ? "`" : ", `") + std::string(label.values[i]) + "`";
    }
    text += "\n";
  }
  if (!row.labels.empty()) text += "\n";
  return text + std::string(row.hint) + "\n";
}

constexpr std::string_view kOfProber = R"(
# Metrics of `senso-turn doctor --watch`

The prober's own, on its own address (`--listen`, default `127.0.0.1:9642`). The labels of each are `node`, a node as it
was named, and `transport`: `udp`, `tcp`, `tls`, `dtls` or `wss`; there is a series for each way that is probed, from
the start.
)";

std::string Row(const ProbeMetricRow& row) {
  std::string text = "\n## `senso_turn_" + std::string(row.name) + "`\n\n" + std::string(row.type);
  if (!row.unit.empty()) text += ", " + std::string(row.unit);
  text += ". " + std::string(row.help) + ".\n\n";
  if (row.type == "counter") {
    text += "* `outcome`: ";
    for (std::size_t i = 0; i < kProbeOutcomeLabels.size(); ++i)
      text += (i == 0 ? "`" : ", `") + std::string(kProbeOutcomeLabels[i]) + "`";
    text += "\n\n";
  }
  return text + std::string(row.hint) + "\n";
}

}  // namespace

std::string GenerateMetricsDocument() {
  std::string document(kIntroduction);
  bool is_first = true;
  for (const MetricRow& row : MetricCatalog()) {
    if (!is_first) document += "\n";
    is_first = false;
    document += Row(row);
  }
  document += kOfProber;
  for (const ProbeMetricRow& row : ProbeMetricCatalog()) document += Row(row);
  return document;
}

}  // namespace relay
