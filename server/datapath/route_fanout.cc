#include "server/datapath/route_fanout.h"

namespace relay {

RouteFanout::RouteFanout(Datapath& userspace, std::uint32_t listeners)
    : userspace_(userspace), listeners_(listeners) {}

bool RouteFanout::IsForKernel(const turn::Client& client) const {
  return kernel_ != nullptr && client.five_tuple.transport == base::Transport::kUdp &&
         client.handle.value < listeners_;
}

void RouteFanout::Install(const turn::Route& route) {
  userspace_.Install(route);
  // What the kernel leaves to userspace finds the route there.
  ShowKernel(route);
}

void RouteFanout::ShowKernel(const turn::Route& route) {
  // What is limited is counted in userspace.
  if (!IsForKernel(route.client) || route.is_limited) return;
  kernel_->Install(route);
  const turn::RouteKey key{route.client, route.channel, route.relay, route.peer};
  userspace_.SetShare(key, kernel_->ShareOf(key));
}

void RouteFanout::Remove(const turn::RouteKey& key) {
  if (IsForKernel(key.client)) kernel_->Remove(key);
  userspace_.Remove(key);
}

RelayTraffic RouteFanout::TakeTraffic(turn::RelayHandle relay) {
  RelayTraffic traffic = userspace_.TakeTraffic(relay);
  if (kernel_ != nullptr) traffic += kernel_->TakeTraffic(relay);
  return traffic;
}

}  // namespace relay
