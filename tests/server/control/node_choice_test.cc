#include "server/control/node_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::node_choice_test {

using testing::ElementsAre;
using testing::IsEmpty;

FleetNode Node(const std::string& name, const std::string& region, std::uint32_t allocations = 0) {
  FleetNode node;
  node.name = name;
  node.region = region;
  node.turn_urls = {"turn:" + name + ":49152?transport=udp"};
  node.allocations = allocations;
  node.allocations_limit = 100;
  node.free_ports = 1000;
  return node;
}

std::vector<std::string> Choose(const std::vector<FleetNode>& nodes, const RegionWish& wish = {},
                                std::string_view own_region = "eu") {
  std::vector<std::string> names;
  for (const FleetNode& node : ChooseNodes(nodes, wish, own_region)) names.push_back(node.name);
  return names;
}

TEST(NodeChoice, IsEmptyWithoutNodes) { EXPECT_THAT(Choose({}), IsEmpty()); }

TEST(NodeChoice, LeavesOutWhoDrainsIsNotReadyOrHasNoAddress) {
  FleetNode drains = Node("eu1", "eu");
  drains.is_draining = true;
  FleetNode unready = Node("eu2", "eu");
  unready.is_ready = false;
  FleetNode nowhere = Node("eu3", "eu");
  nowhere.turn_urls.clear();
  EXPECT_THAT(Choose({drains, unready, nowhere}), IsEmpty());
  EXPECT_THAT(Choose({drains, unready, nowhere, Node("eu4", "eu", 99)}), ElementsAre("eu4"));
}

TEST(NodeChoice, TakesTheTwoWithTheLeastLoadAndOneOfAnotherRegionLast) {
  EXPECT_THAT(Choose({Node("eu1", "eu", 50), Node("eu2", "eu", 10), Node("eu3", "eu", 30),
                      Node("na1", "na", 20), Node("na2", "na", 1)}),
              ElementsAre("eu2", "eu3", "na2"));
}

TEST(NodeChoice, ComparesSharesAndThenFreePorts) {
  FleetNode large = Node("eu1", "eu", 100);
  large.allocations_limit = 1000;
  FleetNode roomy = Node("eu3", "eu", 50);
  roomy.free_ports = 2000;
  EXPECT_THAT(Choose({Node("eu2", "eu", 50), large, roomy}), ElementsAre("eu1", "eu3"));
}

TEST(NodeChoice, TakesPortsForTheLimitWhereThereIsNone) {
  FleetNode busy = Node("eu1", "eu", 900);
  busy.allocations_limit = 0;
  busy.free_ports = 100;
  EXPECT_THAT(Choose({busy, Node("eu2", "eu", 80)}), ElementsAre("eu2", "eu1"));
}

TEST(NodeChoice, OfARequiredRegionStaysThere) {
  const std::vector<FleetNode> nodes = {Node("eu1", "eu"), Node("na1", "na", 99)};
  EXPECT_THAT(Choose(nodes, {"na", true}), ElementsAre("na1"));
  EXPECT_THAT(Choose(nodes, {"ap", true}), IsEmpty());
}

TEST(NodeChoice, OfAPreferredRegionFallsBack) {
  const std::vector<FleetNode> nodes = {Node("eu1", "eu", 5), Node("na1", "na", 99)};
  EXPECT_THAT(Choose(nodes, {"na", false}), ElementsAre("na1", "eu1"));
  EXPECT_THAT(Choose(nodes, {"ap", false}), ElementsAre("eu1", "na1"));
}

TEST(NodeChoice, WithoutANodeNearTakesTheLeastLoadAnywhere) {
  EXPECT_THAT(Choose({Node("na1", "na", 5), Node("ap1", "ap", 3), Node("na2", "na")}, {}, "eu"),
              ElementsAre("na2", "na1", "ap1"));
}

}  // namespace relay::node_choice_test
