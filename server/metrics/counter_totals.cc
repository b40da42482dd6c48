#include "server/metrics/counter_totals.h"

#include <cstddef>
#include <string_view>

namespace relay {
namespace {

template <typename Visitor>
void VisitEach(Counter& counter, const Visitor& visit) {
  visit(counter);
}
template <typename Cells, typename Visitor>
void VisitEach(Cells& cells, const Visitor& visit) {
  for (auto& each : cells) VisitEach(each, visit);
}

// Every counter, in an order that follows from the labels alone.
template <typename Visitor>
void VisitCounters(ShardCounters& counters, const Visitor& visit) {
  VisitEach(counters.relayed_packets, visit);
  VisitEach(counters.relayed_bytes, visit);
  VisitEach(counters.dropped_packets, visit);
  VisitEach(counters.socket_receive_drops, visit);
  VisitEach(counters.requests, visit);
  VisitEach(counters.auth_failures, visit);
  VisitEach(counters.quota_rejections, visit);
  VisitEach(counters.allocations_created, visit);
  VisitEach(counters.allocations_closed, visit);
  counters.allocation_duration.VisitCounters(visit);
  VisitEach(counters.connections_accepted, visit);
  VisitEach(counters.connections_refused, visit);
  VisitEach(counters.tls_handshakes, visit);
  VisitEach(counters.kernel_pass, visit);
}

class Hash {
 public:
  template <typename Labels>
  void Add(const Labels& labels) {
    for (const std::string_view label : labels) {
      for (const char character : label) AddOctet(static_cast<unsigned char>(character));
      AddOctet(0);
    }
    AddOctet(1);
  }
  void AddOctet(unsigned char octet) { value_ = (value_ ^ octet) * 0x100000001b3ULL; }  // FNV-1a
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace

std::vector<std::uint64_t> ReadCounterTotals(std::span<const ShardCounters* const> counters) {
  std::vector<std::uint64_t> totals;
  for (const ShardCounters* const each : counters) {
    std::size_t i = 0;
    // Nothing is changed: one walk over them serves both.
    VisitCounters(const_cast<ShardCounters&>(*each), [&](const Counter& counter) {
      if (i == totals.size()) totals.push_back(0);
      totals[i++] += counter.Read();
    });
  }
  return totals;
}

bool SetCounterTotals(std::span<const std::uint64_t> totals, ShardCounters& counters) {
  std::size_t count = 0;
  VisitCounters(counters, [&](const Counter&) { ++count; });
  if (totals.size() != count) return false;
  std::size_t i = 0;
  VisitCounters(counters, [&](Counter& counter) { counter.Set(totals[i++]); });
  return true;
}

std::uint64_t CounterLayout() {
  Hash hash;
  hash.Add(kDirectionLabels);
  hash.Add(kPathLabels);
  hash.Add(kDropReasonLabels);
  hash.Add(kMethodLabels);
  hash.Add(kOutcomeLabels);
  hash.Add(kAuthFailureLabels);
  hash.Add(kQuotaScopeLabels);
  hash.Add(kCloseReasonLabels);
  hash.Add(kTransportLabels);
  hash.Add(kConnectionRefusalLabels);
  hash.Add(kHandshakeOutcomeLabels);
  hash.Add(kKernelPassLabels);
  for (const auto& bound : kAllocationDurationBounds)
    hash.AddOctet(static_cast<unsigned char>(bound.count() / 1000 % 251));
  return hash.value();
}

}  // namespace relay
