#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/control/relay_control.h"
#include "server/fleet/fleet.h"
#include "server/http/event_loop.h"

namespace relay {

// What a node does for its fleet while it runs: says how it is, hands on revocations to the relay,
// and passes usage on. The loop's thread only.
class FleetDuty {
 public:
  struct Options {
    // This node as it is now; empty: it has nothing to offer to clients.
    std::function<FleetNode()> describe;
    std::chrono::nanoseconds usage_interval = std::chrono::minutes(1);
    // How long the end may wait until the registry has heard of it.
    std::chrono::nanoseconds farewell = std::chrono::milliseconds(500);
  };
  // All must be there for as long as the loop runs.
  FleetDuty(EventLoop& loop, RelayControl& relay, Fleet& fleet, Options options);
  FleetDuty(const FleetDuty&) = delete;
  FleetDuty& operator=(const FleetDuty&) = delete;

  const Fleet& fleet() const { return fleet_; }

  // Something about this node has changed that nobody should wait for.
  void Announce();
  // The process is about to end: withdraws the node.
  void Withdraw();
  // Another process is this node from now on.
  void LeaveToSuccessor();
  // The relay has stopped: passes the last usage on, and runs the loop until everything is said.
  void Finish();

 private:
  void CollectUsage();
  void AddUsage(const std::vector<UsageRecord>& records);
  void PassUsageOn();
  void WaitUntilSaid();

  EventLoop& loop_;
  RelayControl& relay_;
  Fleet& fleet_;
  Options options_;
  std::map<std::string, UsageRecord> usage_;  // by tenant
  base::MonotonicTime deadline_{};
  Timer announce_;
  Timer collect_;
  Timer pass_on_;
  Timer wait_;
};

}  // namespace relay
