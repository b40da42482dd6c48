#include "server/metrics/collector.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <utility>

namespace relay {
namespace {

prometheus::MetricType ForeignType(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

// Turns one row of the catalog into the samples of its family, whatever its source is.
class FamilyCollector {
 public:
  FamilyCollector(const MetricRow& row, const MetricsSources& sources)
      : row_(row), sources_(sources) {}

  std::vector<prometheus::ClientMetric> Collect() {
    std::visit([this](auto reader) { Read(reader); }, row_.source);
    return std::move(metrics_);
  }

 private:
  void Read(ShardReader reader) {
    ForEachSeries([&](std::size_t first, std::size_t second) {
      double sum = 0;
      for (const ShardCounters* shard : sources_.shards) sum += reader(*shard, first, second);
      return sum;
    });
  }

  void Read(ProcessReader reader) {
    ForEachSeries([&](std::size_t first, std::size_t) { return reader(sources_.process, first); });
  }

  void Read(ShardHistogramReader reader) {
    HistogramTotals totals;
    static const ShardCounters kNoShard{};  // the buckets exist even before any shard does
    reader(kNoShard, totals);
    for (const ShardCounters* shard : sources_.shards) reader(*shard, totals);
    AddHistogram(totals);
  }

  void Read(ProcessHistogramReader reader) {
    HistogramTotals totals;
    reader(sources_.process, totals);
    AddHistogram(totals);
  }

  void Read(SnapshotReader reader) {
    for (const Sample& sample : reader(sources_.snapshot)) {
      prometheus::ClientMetric metric;
      for (std::size_t i = 0; i < row_.labels.size(); ++i) {
        metric.label.push_back({std::string(row_.labels[i].name), sample.label_values[i]});
      }
      SetValue(metric, sample.value);
      metrics_.push_back(std::move(metric));
    }
  }

  template <typename Value>
  void ForEachSeries(const Value& value) {
    const std::size_t firsts = row_.labels.empty() ? 1 : row_.labels[0].values.size();
    const std::size_t seconds = row_.labels.size() < 2 ? 1 : row_.labels[1].values.size();
    for (std::size_t first = 0; first < firsts; ++first) {
      for (std::size_t second = 0; second < seconds; ++second) {
        prometheus::ClientMetric metric;
        const std::size_t positions[] = {first, second};
        for (std::size_t i = 0; i < row_.labels.size(); ++i) {
          const MetricLabel& label = row_.labels[i];
          metric.label.push_back(
              {std::string(label.name), std::string(label.values[positions[i]])});
        }
        SetValue(metric, value(first, second));
        metrics_.push_back(std::move(metric));
      }
    }
  }

  void SetValue(prometheus::ClientMetric& metric, double value) const {
    if (row_.type == MetricType::kCounter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
  }

  void AddHistogram(const HistogramTotals& totals) {
    prometheus::ClientMetric metric;
    prometheus::ClientMetric::Histogram& histogram = metric.histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < totals.buckets.size(); ++i) {
      cumulative += totals.buckets[i];
      const double bound = i < totals.bounds.size()
                               ? std::chrono::duration<double>(totals.bounds[i]).count()
                               : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({cumulative, bound});
    }
    histogram.sample_count = cumulative;
    histogram.sample_sum = static_cast<double>(totals.sum_microseconds) / 1e6;
    metrics_.push_back(std::move(metric));
  }

  const MetricRow& row_;
  const MetricsSources& sources_;
  std::vector<prometheus::ClientMetric> metrics_;
};

class CatalogCollectable final : public prometheus::Collectable {
 public:
  explicit CatalogCollectable(const MetricsSources& sources) : sources_(sources) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    for (const MetricRow& row : MetricCatalog()) {
      prometheus::MetricFamily family;
      family.name = FullName(row);
      family.help = std::string(row.help);
      family.type = ForeignType(row.type);
      family.metric = FamilyCollector(row, sources_).Collect();
      families.push_back(std::move(family));
    }
    return families;
  }

 private:
  const MetricsSources& sources_;
};

}  // namespace

std::string RenderMetrics(const MetricsSources& sources) {
  return prometheus::TextSerializer().Serialize(CatalogCollectable(sources).Collect());
}

}  // namespace relay
