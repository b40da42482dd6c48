#include "server/net/usage_meter.h"

#include <utility>

#include "protocol/base/check.h"

namespace relay {

UsageMeter::Tenant& UsageMeter::Begin(turn::RelayHandle handle, std::uint64_t allocation_id,
                                      std::string_view name, const RelayTraffic& before,
                                      const base::Now& now) {
  auto place = tenants_.find(name);
  if (place == tenants_.end()) {
    place = tenants_.try_emplace(std::string(name)).first;
    UsageRecord& record = place->second.record;
    record.tenant = place->first;
    record.from = taken_at_ == base::WallTime{} ? now.wall : taken_at_;
  }
  Tenant& tenant = place->second;
  CountTime(tenant, now);
  const bool is_new = relays_.try_emplace(handle, Relay{&tenant, allocation_id, before}).second;
  CHECK(is_new);
  ++tenant.relays;
  return tenant;
}

void UsageMeter::CountTime(Tenant& tenant, const base::Now& now) {
  tenant.record.allocation_time += tenant.relays * (now.monotonic - tenant.counted_until);
  tenant.counted_until = now.monotonic;
  tenant.record.until = now.wall;
}

void UsageMeter::CountTraffic(turn::RelayHandle handle, Relay& relay) {
  const RelayTraffic more = take_traffic_(handle, relay.allocation_id);
  relay.traffic += more;
  relay.tenant->record.bytes_to_peers += more[LabelIndex(Direction::kClientToPeer)].bytes;
  relay.tenant->record.bytes_to_clients += more[LabelIndex(Direction::kPeerToClient)].bytes;
}

void UsageMeter::OnOpened(turn::RelayHandle relay, std::uint64_t allocation_id,
                          std::string_view tenant, const base::Now& now) {
  ++Begin(relay, allocation_id, tenant, {}, now).record.allocations;
}

void UsageMeter::OnCome(turn::RelayHandle relay, std::uint64_t allocation_id,
                        std::string_view tenant, const RelayTraffic& before, const base::Now& now) {
  Begin(relay, allocation_id, tenant, before, now);
}

RelayTraffic UsageMeter::OnGone(turn::RelayHandle relay, const base::Now& now) {
  const auto found = relays_.find(relay);
  if (found == relays_.end()) return {};
  CountTraffic(relay, found->second);
  const RelayTraffic total = found->second.traffic;
  Tenant& tenant = *found->second.tenant;
  CountTime(tenant, now);
  --tenant.relays;
  relays_.erase(found);
  return total;
}

RelayTraffic UsageMeter::ReadTraffic(turn::RelayHandle relay) {
  const auto found = relays_.find(relay);
  if (found == relays_.end()) return {};
  CountTraffic(relay, found->second);
  return found->second.traffic;
}

void UsageMeter::AddBefore(turn::RelayHandle relay, const RelayTraffic& more) {
  const auto found = relays_.find(relay);
  if (found != relays_.end()) found->second.traffic += more;
}

void UsageMeter::CountTraffic() {
  for (auto& [handle, relay] : relays_) CountTraffic(handle, relay);
}

std::vector<UsageRecord> UsageMeter::Take(const base::Now& now) {
  CountTraffic();
  std::vector<UsageRecord> records;
  for (auto& [name, tenant] : tenants_) {
    if (tenant.relays != 0) CountTime(tenant, now);
    records.push_back(std::exchange(tenant.record, {}));
    tenant.record.tenant = name;
    tenant.record.from = now.wall;
  }
  std::erase_if(tenants_, [](const auto& each) { return each.second.relays == 0; });
  taken_at_ = now.wall;
  return records;
}

}  // namespace relay
