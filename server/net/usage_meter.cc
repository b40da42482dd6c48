#include "server/net/usage_meter.h"

#include <utility>

namespace relay {

UsageRecord& UsageMeter::RecordOf(const std::string& tenant, const base::Now& now) {
  const auto [place, is_new] = records_.try_emplace(tenant);
  UsageRecord& record = place->second;
  if (is_new) {
    record.tenant = tenant;
    record.from = taken_at_ == base::WallTime{} ? now.wall : taken_at_;
  }
  record.until = now.wall;
  return record;
}

void UsageMeter::Charge(turn::RelayHandle handle, Relay& relay, const base::Now& now) {
  UsageRecord& record = RecordOf(relay.tenant, now);
  record.allocation_time += now.monotonic - relay.since;
  relay.since = now.monotonic;
  const RelayBytes bytes = take_bytes_(handle, relay.allocation_id);
  record.bytes_to_peers += bytes[LabelIndex(Direction::kClientToPeer)];
  record.bytes_to_clients += bytes[LabelIndex(Direction::kPeerToClient)];
}

void UsageMeter::OnOpened(turn::RelayHandle relay, std::uint64_t allocation_id,
                          std::string_view tenant, const base::Now& now) {
  const auto [place, is_added] =
      relays_.insert_or_assign(relay, Relay{std::string(tenant), allocation_id, now.monotonic});
  ++RecordOf(place->second.tenant, now).allocations;
}

void UsageMeter::OnCome(turn::RelayHandle relay, std::string_view tenant, const base::Now& now) {
  relays_.insert_or_assign(relay, Relay{std::string(tenant), 0, now.monotonic});
}

void UsageMeter::OnGone(turn::RelayHandle relay, const base::Now& now) {
  const auto found = relays_.find(relay);
  if (found == relays_.end()) return;
  Charge(relay, found->second, now);
  relays_.erase(found);
}

std::vector<UsageRecord> UsageMeter::Take(const base::Now& now) {
  for (auto& [handle, relay] : relays_) Charge(handle, relay, now);
  taken_at_ = now.wall;
  std::vector<UsageRecord> records;
  for (auto& [tenant, record] : std::exchange(records_, {})) records.push_back(std::move(record));
  return records;
}

}  // namespace relay
