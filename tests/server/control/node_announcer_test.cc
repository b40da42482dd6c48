#include "server/control/node_announcer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/fleet/memory_fleet.h"
#include "tests/server/control/fake_relay.h"

namespace relay {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class NodeAnnouncerTest : public testing::Test {
 protected:
  std::unique_ptr<NodeAnnouncer> Announce() {
    return std::make_unique<NodeAnnouncer>(*loop_, fleet_, relay_, [this] { return described_; });
  }
  static FleetNode Named(const std::string& name) {
    FleetNode node;
    node.name = name;
    return node;
  }
  FleetNode self() const { return fleet_.nodes().at(0); }

  std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::Create()).value();
  MemoryFleet fleet_;
  FakeRelay relay_;
  FleetNode described_ = Named("eu01");
};

TEST_F(NodeAnnouncerTest, AddsTheLoadOfTheMoment) {
  const auto announcer = Announce();
  EXPECT_EQ(self().name, "eu01");
  EXPECT_EQ(self().allocations, 4U);
  EXPECT_EQ(self().free_ports, 16379U);
  EXPECT_TRUE(self().is_ready);
  EXPECT_FALSE(self().is_draining);
  EXPECT_NE(self().announced_at, base::WallTime());
}

TEST_F(NodeAnnouncerTest, SaysThatItDrains) {
  const auto announcer = Announce();
  announcer->SetDraining();
  EXPECT_TRUE(self().is_draining);
  announcer->Announce();
  EXPECT_TRUE(self().is_draining);
}

TEST_F(NodeAnnouncerTest, SaysThatItIsNotReady) {
  relay_.is_full = true;
  const auto announcer = Announce();
  EXPECT_FALSE(self().is_ready);
}

TEST_F(NodeAnnouncerTest, AsksAnewWhatTheNodeIs) {
  const auto announcer = Announce();
  described_.name = "eu02";
  announcer->Announce();
  EXPECT_EQ(self().name, "eu02");
}

TEST_F(NodeAnnouncerTest, TakesTheNodeBackAtItsEnd) {
  auto announcer = Announce();
  EXPECT_THAT(fleet_.nodes(), SizeIs(1));
  announcer.reset();
  EXPECT_THAT(fleet_.nodes(), IsEmpty());
}

}  // namespace
}  // namespace relay
