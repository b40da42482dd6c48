#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/datapath/relay_bytes.h"
#include "server/datapath/usage_record.h"

namespace relay {

// What tenants use of one shard. Shard's thread only; costs nothing per packet.
class UsageMeter {
 public:
  // What a relay has carried since the last time it was asked.
  using TakeBytes = std::function<RelayBytes(turn::RelayHandle, std::uint64_t allocation_id)>;
  explicit UsageMeter(TakeBytes take_bytes) : take_bytes_(std::move(take_bytes)) {}

  // A relayed transport address is this shard's from now on: a new one, or one that another shard
  // has counted before.
  void OnOpened(turn::RelayHandle relay, std::uint64_t allocation_id, std::string_view tenant,
                const base::Now& now);
  void OnCome(turn::RelayHandle relay, std::string_view tenant, const base::Now& now);
  // It is not any more; it can still be asked what it has carried.
  void OnGone(turn::RelayHandle relay, const base::Now& now);

  // Since the last call, a record for each tenant that had anything.
  std::vector<UsageRecord> Take(const base::Now& now);

 private:
  struct Relay {
    std::string tenant;
    std::uint64_t allocation_id;
    base::MonotonicTime since;
  };

  UsageRecord& RecordOf(const std::string& tenant, const base::Now& now);
  void Charge(turn::RelayHandle handle, Relay& relay, const base::Now& now);

  TakeBytes take_bytes_;
  std::unordered_map<turn::RelayHandle, Relay, turn::RelayHandleHash> relays_;
  std::map<std::string, UsageRecord> records_;  // by tenant
  base::WallTime taken_at_{};
};

}  // namespace relay
