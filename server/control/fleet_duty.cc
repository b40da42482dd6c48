#include "server/control/fleet_duty.h"

#include <algorithm>
#include <utility>

#include "auth/revocation_list.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kAnnounceInterval{2};
// The shards answer in much less.
constexpr std::chrono::seconds kCollection{1};
constexpr std::chrono::milliseconds kFarewellPoll{5};

}  // namespace

FleetDuty::FleetDuty(EventLoop& loop, RelayControl& relay, Fleet& fleet, Options options)
    : loop_(loop),
      relay_(relay),
      fleet_(fleet),
      options_(std::move(options)),
      announce_(loop, [this] { Announce(); }),
      collect_(loop, [this] { CollectUsage(); }),
      pass_on_(loop, [this] { PassUsageOn(); }),
      wait_(loop, [this] { WaitUntilSaid(); }) {
  fleet_.OnRevocations([this](const std::vector<auth::Revocation>& revocations) {
    relay_.SetRevocations(std::make_shared<const auth::RevocationList>(revocations));
  });
  announce_.Start(std::chrono::nanoseconds::zero());
  collect_.Start(options_.usage_interval);
}

void FleetDuty::Announce() {
  if (!options_.describe) return;
  fleet_.Announce(options_.describe());
  announce_.Start(kAnnounceInterval);
}

void FleetDuty::Withdraw() {
  announce_.Cancel();
  fleet_.Withdraw();
}

void FleetDuty::LeaveToSuccessor() {
  fleet_.LeaveToSuccessor();
  announce_.Cancel();
  options_.describe = nullptr;
}

void FleetDuty::CollectUsage() {
  relay_.CollectUsage([this](std::vector<UsageRecord> records) {
    loop_.Post([this, records = std::move(records)] { AddUsage(records); });
  });
  pass_on_.Start(kCollection);
  collect_.Start(options_.usage_interval);
}

void FleetDuty::AddUsage(const std::vector<UsageRecord>& records) {
  for (const UsageRecord& each : records) {
    const auto [place, is_new] = usage_.try_emplace(each.tenant, each);
    if (is_new) continue;
    UsageRecord& sum = place->second;
    sum.from = std::min(sum.from, each.from);
    sum.until = std::max(sum.until, each.until);
    sum.allocations += each.allocations;
    sum.allocation_time += each.allocation_time;
    sum.bytes_to_peers += each.bytes_to_peers;
    sum.bytes_to_clients += each.bytes_to_clients;
  }
}

void FleetDuty::PassUsageOn() {
  std::vector<UsageRecord> records;
  for (auto& [tenant, record] : std::exchange(usage_, {})) records.push_back(std::move(record));
  fleet_.RecordUsage(records);
}

void FleetDuty::Finish() {
  collect_.Cancel();
  pass_on_.Cancel();
  CollectUsage();
  collect_.Cancel();
  pass_on_.Start(std::chrono::nanoseconds::zero());
  deadline_ = base::ReadClocks().monotonic + options_.farewell;
  wait_.Start(kFarewellPoll);
  loop_.Run();
}

void FleetDuty::WaitUntilSaid() {
  if (fleet_.is_idle() || base::ReadClocks().monotonic >= deadline_) return loop_.Stop();
  wait_.Start(kFarewellPoll);
}

}  // namespace relay
