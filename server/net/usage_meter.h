#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
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

  // Asks all of them what they have carried, before a datapath goes away with what it has counted.
  void CountBytes();

  // Since the last call, a record for each tenant that had anything.
  std::vector<UsageRecord> Take(const base::Now& now);

 private:
  // One that has relays, or has had some since the last call of Take.
  struct Tenant {
    UsageRecord record;
    std::uint32_t relays = 0;
    base::MonotonicTime counted_until;  // for how long they have been there
  };
  // As small as can be: there is one for each allocation.
  struct Relay {
    Tenant* tenant;
    std::uint64_t allocation_id;
  };

  // Adds a relay to its tenant.
  Tenant& Begin(turn::RelayHandle handle, std::uint64_t allocation_id, std::string_view tenant,
                const base::Now& now);
  static void CountTime(Tenant& tenant, const base::Now& now);
  void CountBytes(turn::RelayHandle handle, const Relay& relay);

  TakeBytes take_bytes_;
  boost::unordered_flat_map<turn::RelayHandle, Relay, turn::RelayHandleHash> relays_;
  std::map<std::string, Tenant, std::less<>> tenants_;  // whose places relays_ refers to
  base::WallTime taken_at_{};
};

}  // namespace relay
