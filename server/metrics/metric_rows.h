#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

#include "server/metrics/metric_catalog.h"

// What the parts of the catalog share. Only for the sources of this folder.
namespace relay {

template <std::size_t N>
void AddTo(HistogramTotals& totals, const std::array<std::chrono::milliseconds, N>& bounds,
           const DurationHistogram<N>& histogram) {
  totals.bounds = bounds;
  totals.buckets.resize(N + 1);
  for (std::size_t i = 0; i <= N; ++i) totals.buckets[i] += histogram.ReadBucket(i);
  totals.sum_microseconds += histogram.ReadSumMicroseconds();
}

inline double Number(const Counter& counter) { return static_cast<double>(counter.Read()); }
inline double Number(const Gauge& gauge) { return static_cast<double>(gauge.Read()); }

inline double SecondsSinceEpoch(base::WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

inline std::vector<Sample> Single(double value) { return {Sample{{}, value}}; }

// The rows of the credential service.
std::vector<MetricRow> ServiceRows();

}  // namespace relay
