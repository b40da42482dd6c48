#pragma once

#include <cstdint>

#include "server/datapath/datapath.h"

namespace relay {

// Gives the routes of one shard to its datapaths: to userspace all of them, and to the kernel those
// whose client sends to a UDP listener of this host itself. Shard's thread only, except where
// noted.
class RouteFanout {
 public:
  // `userspace` must outlive the object. Clients with handles below `listeners` are at a listener.
  RouteFanout(Datapath& userspace, std::uint32_t listeners);
  // Before the first route; nullptr: none. It is shared with other shards and must outlive the
  // object.
  void SetKernel(Datapath* kernel) { kernel_ = kernel; }

  void Install(const turn::Route& route);
  void Remove(const turn::RouteKey& key);

 private:
  bool IsForKernel(const turn::Client& client) const;

  Datapath& userspace_;
  const std::uint32_t listeners_;
  Datapath* kernel_ = nullptr;
};

}  // namespace relay
