#pragma once

#include <memory>
#include <optional>

#include "protocol/turn/route.h"
#include "server/datapath/kernel_share.h"
#include "server/datapath/relay_traffic.h"
#include "server/datapath/shared_buckets.h"

namespace relay {

// Forwards ChannelData along routes, both ways, until they are removed or past their deadline. May
// ignore a route: speed is lost, nothing else. Packets do not come by here.
class Datapath {
 public:
  virtual ~Datapath() = default;
  // Adds a route, or replaces the one with the same client and channel.
  virtual void Install(const turn::Route& route) = 0;
  // Nothing is forwarded along it any more when this returns. Unknown ones are ignored.
  virtual void Remove(const turn::RouteKey& key) = 0;

  // In the kernel: what it has in common with userspace. nullopt: it does not have the route.
  virtual std::optional<KernelShare> ShareOf(const turn::RouteKey& /*key*/) { return std::nullopt; }
  // What it has carried for a relay since the last call, by routes that there are and others.
  virtual RelayTraffic TakeTraffic(turn::RelayHandle /*relay*/) { return {}; }
  // In the kernel: the buckets that it charges for limits that allocations share. nullptr: none.
  virtual std::shared_ptr<SharedBuckets> shared_buckets() { return nullptr; }
  // In userspace: the installed route is in the kernel as well now; nullopt: it is not any more.
  virtual void SetShare(const turn::RouteKey& /*key*/,
                        const std::optional<KernelShare>& /*share*/) {}
};

}  // namespace relay
