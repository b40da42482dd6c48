#include "server/app/control_group.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "tests/support/temporary_directory.h"

namespace relay::control_group_test {

class ControlGroupTest : public testing::Test {
 protected:
  void Write(const std::filesystem::path& file, std::string_view text) const {
    const std::filesystem::path path = std::filesystem::path(root_.path()) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  ControlGroupLimits Find(std::string_view membership) const {
    return FindControlGroupLimits(root_.path(), membership);
  }

  test_support::TemporaryDirectory root_;
};

constexpr ControlGroupLimits kNone;

TEST_F(ControlGroupTest, NoGroupIsNoLimit) {
  EXPECT_EQ(Find(""), kNone);
  EXPECT_EQ(Find("0::/\n"), kNone);
  EXPECT_EQ(Find("4:memory:/\n1:cpu:/\n"), kNone);
}

TEST_F(ControlGroupTest, WordsAndNonsenseAreNoLimit) {
  Write("memory.max", "max\n");
  Write("cpu.max", "max 100000\n");
  Write("odd/memory.max", "12 monkeys");
  Write("odd/cpu.max", "100000 0");
  Write("short/memory.max", "");
  Write("short/cpu.max", "100000");
  Write("huge/memory.max", "99999999999999999999");
  for (const std::string_view membership : {"0::/", "0::/odd", "0::/short", "0::/huge",
                                            "0::/absent", "0", "0:", "0::", ":::\n::\n\n", "\n"}) {
    EXPECT_EQ(Find(membership), kNone) << membership;
  }
}

TEST_F(ControlGroupTest, Version2) {
  Write("memory.max", "67108864\n");
  Write("cpu.max", "150000 100000\n");
  EXPECT_EQ(Find("0::/\n"), (ControlGroupLimits{.cores = 2, .memory = 67108864}));
}

TEST_F(ControlGroupTest, TheLeastOfTheGroupAndThoseAboveCounts) {
  Write("system.slice/memory.max", "1000\n");
  Write("system.slice/cpu.max", "400000 100000\n");
  Write("system.slice/senso-turn.service/memory.max", "2000\n");
  Write("system.slice/senso-turn.service/cpu.max", "100000 100000\n");
  Write("system.slice/another.service/memory.max", "1\n");
  EXPECT_EQ(Find("0::/system.slice/senso-turn.service\n"),
            (ControlGroupLimits{.cores = 1, .memory = 1000}));
}

TEST_F(ControlGroupTest, AGroupThatCannotBeSeenLeavesThoseAbove) {
  Write("memory.max", "1000\n");
  EXPECT_EQ(Find("0::/of/the/host\n").memory, 1000u);
  EXPECT_EQ(Find("0::/../../elsewhere\n").memory, 1000u);
}

TEST_F(ControlGroupTest, NothingAboveTheRootIsRead) {
  Write("inner/memory.max", "max\n");
  Write("memory.max", "1000\n");
  EXPECT_EQ(FindControlGroupLimits(std::filesystem::path(root_.path()) / "inner", "0::/..\n"),
            kNone);
}

TEST_F(ControlGroupTest, Version1) {
  Write("memory/docker/memory.limit_in_bytes", "67108864\n");
  Write("cpu/docker/cpu.cfs_quota_us", "250000\n");
  Write("cpu/docker/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Find("5:cpu,cpuacct:/docker\n4:memory:/docker\n3:pids:/docker\n"),
            (ControlGroupLimits{.cores = 3, .memory = 67108864}));
}

TEST_F(ControlGroupTest, Version1SaysMinusOneForNoQuota) {
  Write("cpu/cpu.cfs_quota_us", "-1\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Find("5:cpuacct,cpu:/\n"), kNone);
}

TEST_F(ControlGroupTest, Version2BesideVersion1) {
  Write("unified/inner/memory.max", "1000\n");
  Write("memory/inner/memory.limit_in_bytes", "2000\n");
  EXPECT_EQ(Find("4:memory:/inner\n0::/inner\n").memory, 1000u);
}

}  // namespace relay::control_group_test
