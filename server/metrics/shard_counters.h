#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "server/metrics/metric_labels.h"

// What one shard counts. The shard's thread is the only writer, so an increment is a plain load and
// store without a locked instruction; any thread may read at any time and sees each value whole.
namespace relay {

class Counter {
 public:
  // Owner thread only.
  void Add(std::uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  // Owner thread only: for a total that somebody else keeps (the kernel's per-CPU counters).
  void Set(std::uint64_t total) { value_.store(total, std::memory_order_relaxed); }
  std::uint64_t Read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  // Owner thread only, and so Set.
  void Add(std::int64_t delta) {
    value_.store(value_.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
  void Set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t Read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Durations in fixed buckets; `N` upper bounds and one bucket above them all.
template <std::size_t N>
class DurationHistogram {
 public:
  using Bounds = std::array<std::chrono::milliseconds, N>;

  // Owner thread only. `bounds` ascend and are the same at every call.
  void Observe(const Bounds& bounds, std::chrono::nanoseconds duration) {
    std::size_t bucket = 0;
    while (bucket < N && duration > bounds[bucket]) ++bucket;
    buckets_[bucket].Add();
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    if (whole > 0) sum_microseconds_.Add(static_cast<std::uint64_t>(whole));
  }
  template <typename Visitor>
  void VisitCounters(const Visitor& visit) {
    for (Counter& bucket : buckets_) visit(bucket);
    visit(sum_microseconds_);
  }
  // Not cumulative.
  std::uint64_t ReadBucket(std::size_t bucket) const { return buckets_[bucket].Read(); }
  std::uint64_t ReadSumMicroseconds() const { return sum_microseconds_.Read(); }

 private:
  std::array<Counter, N + 1> buckets_;
  Counter sum_microseconds_;
};

inline constexpr std::array<std::chrono::milliseconds, 10> kAllocationDurationBounds = {
    std::chrono::seconds(1),    std::chrono::seconds(5),    std::chrono::seconds(15),
    std::chrono::seconds(60),   std::chrono::seconds(300),  std::chrono::seconds(600),
    std::chrono::seconds(1800), std::chrono::seconds(3600), std::chrono::seconds(14400),
    std::chrono::seconds(43200)};

template <typename Cell, const auto& Labels>
using CellsBy = std::array<Cell, Labels.size()>;

// Indices: LabelIndex(enumerator), MethodIndex, OutcomeIndex. One object per shard, on cache lines
// of its own.
struct alignas(64) ShardCounters {
  // relayed_packets[direction][path]
  std::array<CellsBy<Counter, kPathLabels>, kDirectionLabels.size()> relayed_packets;
  std::array<CellsBy<Counter, kPathLabels>, kDirectionLabels.size()>
      relayed_bytes;  // payload, without any header
  CellsBy<Counter, kDropReasonLabels> dropped_packets;
  Counter socket_receive_drops;

  // requests[method][outcome]
  std::array<CellsBy<Counter, kOutcomeLabels>, kMethodLabels.size()> requests;
  CellsBy<Counter, kAuthFailureLabels> auth_failures;
  CellsBy<Counter, kQuotaScopeLabels> quota_rejections;

  // allocations[transport][family], one for each relayed transport address
  std::array<CellsBy<Gauge, kFamilyLabels>, kTransportLabels.size()> allocations;
  Counter allocations_created;
  CellsBy<Counter, kCloseReasonLabels> allocations_closed;
  DurationHistogram<kAllocationDurationBounds.size()> allocation_duration;
  Gauge permissions;
  Gauge channels;

  // Connections of stream clients and DTLS associations; [udp] stays zero and is not exported.
  CellsBy<Gauge, kTransportLabels> connections;
  CellsBy<Counter, kTransportLabels> connections_accepted;
  CellsBy<Counter, kConnectionRefusalLabels> connections_refused;
  CellsBy<Counter, kHandshakeOutcomeLabels> tls_handshakes;

  CellsBy<Counter, kKernelPassLabels> kernel_pass;

  void ObserveAllocationDuration(std::chrono::nanoseconds age) {
    allocation_duration.Observe(kAllocationDurationBounds, age);
  }
};

}  // namespace relay
