#include "server/control/node_announcer.h"

#include <utility>

namespace relay {
namespace {

constexpr std::chrono::seconds kPeriod{2};

}  // namespace

NodeAnnouncer::NodeAnnouncer(EventLoop& loop, Fleet& fleet, const RelayControl& relay,
                             Describe describe)
    : fleet_(fleet),
      relay_(relay),
      describe_(std::move(describe)),
      timer_(loop, [this] { Announce(); }) {
  Announce();
}

NodeAnnouncer::~NodeAnnouncer() { fleet_.Withdraw(); }

void NodeAnnouncer::SetDraining() {
  is_draining_ = true;
  Announce();
}

void NodeAnnouncer::Announce() {
  const RelaySnapshot snapshot = relay_.ReadSnapshot();
  FleetNode node = describe_();
  node.allocations = static_cast<std::uint32_t>(snapshot.allocations_charged);
  node.free_ports = static_cast<std::uint32_t>(snapshot.ports_limit - snapshot.ports_in_use);
  node.is_draining = is_draining_;
  node.is_ready = relay_.unready_reasons().empty();
  node.announced_at = base::ReadClocks().wall;
  fleet_.Announce(node);
  timer_.Start(kPeriod);
}

}  // namespace relay
