#pragma once

#include "protocol/turn/route.h"

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
};

}  // namespace relay
