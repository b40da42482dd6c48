#include "server/control/node_choice.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace relay {
namespace {

constexpr std::size_t kNodesOfRegion = 2;

// 0: idle, 1: full. Without a limit the relay ports are the limit.
double LoadOf(const FleetNode& node) {
  const double limit = node.allocations_limit > 0
                           ? static_cast<double>(node.allocations_limit)
                           : static_cast<double>(node.allocations) + node.free_ports;
  return limit > 0 ? static_cast<double>(node.allocations) / limit : 1;
}

bool IsLessLoaded(const FleetNode& one, const FleetNode& other) {
  const double load = LoadOf(one);
  const double other_load = LoadOf(other);
  return std::tie(load, other.free_ports, one.name) <
         std::tie(other_load, one.free_ports, other.name);
}

bool HasNodeOf(const std::vector<FleetNode>& nodes, std::string_view region) {
  return std::ranges::find(nodes, region, &FleetNode::region) != nodes.end();
}

}  // namespace

std::vector<FleetNode> ChooseNodes(std::vector<FleetNode> nodes, const RegionWish& wish,
                                   std::string_view own_region) {
  std::erase_if(nodes, [](const FleetNode& node) {
    return node.is_draining || !node.is_ready || node.turn_urls.empty();
  });
  std::ranges::sort(nodes, IsLessLoaded);
  if (nodes.empty() || (wish.is_required && !HasNodeOf(nodes, wish.region))) return {};

  std::string region = nodes.front().region;
  if (!wish.region.empty() && HasNodeOf(nodes, wish.region)) {
    region = wish.region;
  } else if (HasNodeOf(nodes, own_region)) {
    region = own_region;
  }
  std::vector<FleetNode> chosen;
  std::vector<FleetNode> others;
  for (FleetNode& node : nodes) {
    if (node.region != region) {
      others.push_back(std::move(node));
    } else if (chosen.size() < kNodesOfRegion) {
      chosen.push_back(std::move(node));
    }
  }
  if (!wish.is_required && !others.empty()) chosen.push_back(std::move(others.front()));
  return chosen;
}

}  // namespace relay
