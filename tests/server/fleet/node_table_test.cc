#include "server/fleet/node_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace relay::node_table_test {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;

class NodeTableTest : public testing::Test {
 protected:
  // The registry answers, and has these nodes, with these beats.
  void Answer(std::chrono::nanoseconds later,
              const std::vector<std::pair<std::string, std::uint64_t>>& nodes) {
    now_ += later;
    table_.OnAnswer(now_);
    for (const auto& [name, beat] : nodes) {
      AnnouncedNode announced;
      announced.node.name = name;
      announced.beat = beat;
      table_.OnNode(announced, base::WallTime());
    }
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const FleetNode& each : table_.List()) names.push_back(each.name);
    return names;
  }

  base::MonotonicTime now_{seconds(1000)};
  NodeTable table_;
};

TEST_F(NodeTableTest, WhoIsSilentGoes) {
  Answer(seconds(0), {{"a", 1}, {"b", 1}});
  Answer(seconds(2), {{"a", 2}, {"b", 1}});
  Answer(seconds(2), {{"a", 3}});
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  Answer(seconds(2), {{"a", 4}, {"b", 1}});
  EXPECT_THAT(Names(), ElementsAre("a"));
  Answer(seconds(2), {{"a", 5}, {"b", 2}});
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
}

TEST_F(NodeTableTest, TheSameBeatForEverIsNoSignOfLife) {
  for (int i = 0; i < 100; ++i) Answer(seconds(2), {{"a", 1}});
  EXPECT_TRUE(Names().empty());
}

TEST_F(NodeTableTest, WithoutAnswersTimeStandsStill) {
  Answer(seconds(0), {{"here", 1}, {"silent", 1}});
  for (int i = 0; i < 3; ++i) Answer(seconds(2), {{"here", 2u + static_cast<unsigned>(i)}});
  EXPECT_THAT(Names(), ElementsAre("here"));
  now_ += hours(5);
  EXPECT_THAT(Names(), ElementsAre("here"));
  // The first answer after an outage is not the end of those who had no chance to be heard.
  Answer(seconds(0), {});
  EXPECT_THAT(Names(), ElementsAre("here"));
  Answer(seconds(2), {});
  Answer(seconds(2), {});
  EXPECT_TRUE(Names().empty());
}

TEST_F(NodeTableTest, IsBoundedAndKeepsWhoIsKnown) {
  std::vector<std::pair<std::string, std::uint64_t>> many{{"known", 1}};
  for (int i = 0; i < 5000; ++i) many.emplace_back("n" + std::to_string(i), 1);
  Answer(seconds(0), many);
  EXPECT_EQ(Names().size(), NodeTable::kMaxNodes);
  EXPECT_THAT(Names(), testing::Contains("known"));
}

}  // namespace relay::node_table_test
