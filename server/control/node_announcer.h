#pragma once

#include <functional>
#include <memory>

#include "server/control/relay_control.h"
#include "server/fleet/fleet.h"
#include "server/http/event_loop.h"

namespace relay {

// Tells the fleet every two seconds how this relay is: what it is called and where it is reached,
// which may change with the configuration, and its load of the moment. Control thread only.
class NodeAnnouncer {
 public:
  // The lasting part of the announcement.
  using Describe = std::function<FleetNode()>;

  // All must outlive this.
  NodeAnnouncer(EventLoop& loop, Fleet& fleet, const RelayControl& relay, Describe describe);
  ~NodeAnnouncer();  // withdraws the node
  NodeAnnouncer(const NodeAnnouncer&) = delete;
  NodeAnnouncer& operator=(const NodeAnnouncer&) = delete;

  // From now on as draining, at once.
  void SetDraining();
  void Announce();

 private:
  Fleet& fleet_;
  const RelayControl& relay_;
  Describe describe_;
  bool is_draining_ = false;
  Timer timer_;
};

}  // namespace relay
