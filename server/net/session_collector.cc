#include "server/net/session_collector.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace relay {
namespace {

SessionRecord MakeRecord(const turn::Engine::AllocationSummary& summary, UsageMeter& usage) {
  SessionRecord record;
  record.id = summary.id;
  record.username = std::string(summary.username);
  record.tenant = std::string(summary.tenant);
  record.client = summary.client.five_tuple;
  record.is_detached = summary.is_detached;
  record.relayed = summary.relayed;
  record.age = summary.age;
  record.remaining = summary.remaining;
  record.permissions = summary.permissions;
  record.channels = summary.channels;
  for (const turn::RelayHandle relay : summary.relays) record.traffic += usage.ReadTraffic(relay);
  return record;
}

}  // namespace

SessionCollector::SessionCollector(const turn::Engine& engine, SessionFilter filter, Sink sink)
    : filter_(std::move(filter)), sink_(std::move(sink)), ids_(engine.ListAllocationIds()) {
  std::erase_if(ids_, [this](std::uint64_t id) { return id <= filter_.after; });
  std::ranges::make_heap(ids_, std::greater<>());
}

bool SessionCollector::IsWanted(const turn::Engine::AllocationSummary& summary) const {
  return !filter_.user || *filter_.user == summary.username || *filter_.user == summary.subject;
}

bool SessionCollector::Step(const turn::Engine& engine, UsageMeter& usage, const base::Now& now) {
  for (std::size_t i = 0; i < kAtOnce && !ids_.empty() && found_.size() < filter_.limit; ++i) {
    std::ranges::pop_heap(ids_, std::greater<>());
    const auto summary = engine.FindAllocation(ids_.back(), now);
    ids_.pop_back();
    if (summary && IsWanted(*summary)) found_.push_back(MakeRecord(*summary, usage));
  }
  if (!ids_.empty() && found_.size() < filter_.limit) return true;
  sink_(std::move(found_));
  return false;
}

}  // namespace relay
