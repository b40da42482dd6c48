#include "server/fleet/memory_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay {
namespace {

using auth::Revocation;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(MemoryFleet, IsTheNodeThatAnnouncesItself) {
  MemoryFleet fleet;
  EXPECT_THAT(fleet.nodes(), IsEmpty());
  FleetNode self;
  self.name = "eu01";
  fleet.Announce(self);
  EXPECT_THAT(fleet.nodes(), ElementsAre(self));
  fleet.Withdraw();
  EXPECT_THAT(fleet.nodes(), IsEmpty());
}

TEST(MemoryFleet, TellsWhatIsRevoked) {
  MemoryFleet fleet;
  std::vector<Revocation> known;
  fleet.OnRevocations([&](const std::vector<Revocation>& all) { known = all; });
  const base::WallTime begin{seconds(1000)};
  const Revocation first{Revocation::Kind::kKid, "k1", begin, begin + seconds(10)};
  bool is_done = false;
  fleet.Revoke(first, [&](const base::Result<void>& done) { is_done = done.ok(); });
  EXPECT_TRUE(is_done);
  EXPECT_THAT(known, ElementsAre(first));
  // The same again replaces it, and what is over is forgotten.
  const Revocation again{Revocation::Kind::kKid, "k1", begin + seconds(5), begin + seconds(15)};
  fleet.Revoke(again, [](const base::Result<void>&) {});
  EXPECT_THAT(known, ElementsAre(again));
  const Revocation late{Revocation::Kind::kJti, "j", begin + seconds(20), begin + seconds(30)};
  fleet.Revoke(late, [](const base::Result<void>&) {});
  EXPECT_THAT(known, ElementsAre(late));
}

}  // namespace
}  // namespace relay
