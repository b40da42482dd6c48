#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "server/datapath/datapath.h"

namespace relay {

// Gives the routes of one shard to its datapaths: to userspace all of them, and to the kernel those
// whose client sends to a UDP listener of this host itself. Shard's thread only, except where
// noted.
class RouteFanout {
 public:
  // `userspace` must outlive the object. Clients with handles below `listeners` are at a listener.
  RouteFanout(Datapath& userspace, std::uint32_t listeners);
  // From now on, in place of the one before; nullptr: none. It is shared with other shards. Routes
  // that are there already have to be shown to it by ShowKernel.
  void SetKernel(std::shared_ptr<Datapath> kernel) { kernel_ = std::move(kernel); }
  // Userspace has the route already.
  void ShowKernel(const turn::Route& route);

  void Install(const turn::Route& route);
  void Remove(const turn::RouteKey& key);
  // What both have carried for the relay since the last call.
  RelayTraffic TakeTraffic(turn::RelayHandle relay);

 private:
  bool IsForKernel(const turn::Client& client) const;

  Datapath& userspace_;
  const std::uint32_t listeners_;
  std::shared_ptr<Datapath> kernel_;
};

}  // namespace relay
