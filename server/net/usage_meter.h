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
#include "server/datapath/relay_traffic.h"
#include "server/datapath/usage_record.h"

namespace relay {

// What tenants use of one shard, and what each of its relays has carried. Shard's thread only;
// costs nothing per packet.
class UsageMeter {
 public:
  // What a relay has carried since the last time it was asked.
  using TakeTraffic = std::function<RelayTraffic(turn::RelayHandle, std::uint64_t allocation_id)>;
  explicit UsageMeter(TakeTraffic take_traffic) : take_traffic_(std::move(take_traffic)) {}

  // A relayed transport address is this shard's from now on: a new one, or one that another shard
  // has counted before; `before` is what it had carried there.
  void OnOpened(turn::RelayHandle relay, std::uint64_t allocation_id, std::string_view tenant,
                const base::Now& now);
  void OnCome(turn::RelayHandle relay, std::uint64_t allocation_id, std::string_view tenant,
              const RelayTraffic& before, const base::Now& now);
  // It is not any more; it can still be asked what it has carried. Returns all that it has carried
  // in its life.
  RelayTraffic OnGone(turn::RelayHandle relay, const base::Now& now);
  // It had carried more before it came than was said then; somebody else has billed it.
  void AddBefore(turn::RelayHandle relay, const RelayTraffic& more);
  // All that it has carried so far; nothing of one that is unknown here.
  RelayTraffic ReadTraffic(turn::RelayHandle relay);

  // Asks all of them what they have carried, before a datapath goes away with what it has counted.
  void CountTraffic();

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
    RelayTraffic traffic;  // all that is known of it
  };

  // Adds a relay to its tenant.
  Tenant& Begin(turn::RelayHandle handle, std::uint64_t allocation_id, std::string_view tenant,
                const RelayTraffic& before, const base::Now& now);
  static void CountTime(Tenant& tenant, const base::Now& now);
  void CountTraffic(turn::RelayHandle handle, Relay& relay);

  TakeTraffic take_traffic_;
  boost::unordered_flat_map<turn::RelayHandle, Relay, turn::RelayHandleHash> relays_;
  std::map<std::string, Tenant, std::less<>> tenants_;  // whose places relays_ refers to
  base::WallTime taken_at_{};
};

}  // namespace relay
