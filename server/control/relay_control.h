#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "protocol/turn/revocations.h"
#include "server/config/config.h"
#include "server/datapath/session_record.h"
#include "server/datapath/usage_record.h"
#include "server/metrics/shard_counters.h"

namespace relay {

struct CheckPageSettings;

// The relay at one moment, in the words of a status report.
struct RelaySnapshot {
  struct Listener {
    std::string description;  // "udp 0.0.0.0:3478"
    std::string state;        // begins with "open", or says why not
  };
  struct Certificate {
    std::string name;                   // the path that it was configured as
    std::vector<std::string> subjects;  // DNS names and IP addresses
    base::WallTime not_after;
  };

  std::size_t shards = 0;
  std::vector<Listener> listeners;
  std::vector<Certificate> certificates;     // those that new connections get
  std::vector<std::string> relay_addresses;  // "10.0.0.5 (known as 203.0.113.7)"
  std::uint16_t min_relay_port = 0;
  std::uint16_t max_relay_port = 0;
  std::size_t ports_in_use = 0;
  std::size_t ports_limit = 0;
  std::size_t reservations = 0;
  std::size_t allocations_charged = 0;     // against the total limit: allocations and reservations
  std::size_t subjects = 0;                // users with at least one of them
  bool is_kernel_datapath_wanted = false;  // by the configuration, if only where possible
  std::optional<std::string> kernel_datapath_mode;  // nullopt: there is none
  base::MonotonicTime started;
};

// What the control plane can ask of the relay and tell it; implemented over the shards. Every
// function is called on the control thread, may be called at any time between the plane's
// construction and destruction, and does not wait for a shard.
class RelayControl {
 public:
  virtual ~RelayControl() = default;

  // One for each shard, and one for the datapath in the kernel where there is one; they live as
  // long as this object.
  virtual std::vector<const ShardCounters*> counters() const = 0;
  virtual RelaySnapshot ReadSnapshot() const = 0;
  // Why this node should get no new clients, one phrase each; empty: it should. Draining is not
  // among them: the control plane knows that itself.
  virtual std::vector<std::string> unready_reasons() const = 0;

  // What the connectivity page is made of now; nullptr: there is none. Lives until the next
  // Reconfigure.
  virtual const CheckPageSettings* check_page() const { return nullptr; }

  // Puts certificates into use whose files have been replaced, and logs it, and new keys for
  // session tickets when it is time. Called about once a second; cheap when nothing has changed.
  virtual void RefreshCertificates() = 0;

  // Takes over everything of a configuration that differs from the former one in reloadable keys
  // only (ConfigChanges). Draining stays as it is. Fails with the reason; then nothing has changed.
  virtual base::Result<void> Reconfigure(const Config& config) = 0;

  // Who is refused from now on, and whose allocations end; in place of those before.
  virtual void SetRevocations(const std::shared_ptr<const turn::Revocations>& /*revocations*/) {}

  // From now on new Allocate requests are refused (or no longer); existing allocations go on.
  virtual void SetDraining(bool is_draining) = 0;
  // What has been used since the last call, by tenant and shard: `sink` is called for each shard,
  // soon and on any thread; after Stop, before this returns.
  virtual void CollectUsage(const std::function<void(std::vector<UsageRecord>)>& /*sink*/) {}

  // The allocations that an administrator wants to see, at most `filter.limit` of each shard:
  // `sink` is called for each shard, soon and on any thread; the number says how often.
  virtual std::size_t CollectSessions(
      const SessionFilter& /*filter*/,
      const std::function<void(std::vector<SessionRecord>)>& /*sink*/) {
    return 0;
  }
  // Ends one allocation. `sink` is called likewise, with whether it was there.
  virtual std::size_t Disconnect(std::uint64_t /*allocation_id*/,
                                 const std::function<void(bool)>& /*sink*/) {
    return 0;
  }

  // Ends every allocation and stops the shards. Called once, at the end of ControlPlane::Run.
  virtual void Stop() = 0;
};

}  // namespace relay
