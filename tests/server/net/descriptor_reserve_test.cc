#include "server/net/descriptor_reserve.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "server/net/listener_socket.h"

namespace relay::descriptor_reserve_test {

const base::Endpoint kLoopback{*base::IpAddress::Parse("127.0.0.1"), 0};

// With a limit of descriptors for the test alone.
class DescriptorReserve : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    if (before_.rlim_max < kLimit) GTEST_SKIP() << "the limit of open files is below " << kLimit;
    const rlimit small{kLimit, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
  }
  void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &before_); }

  static constexpr rlim_t kLimit = 2048;
  rlimit before_{};
};

TEST_F(DescriptorReserve, NothingIsNoDescriptor) {
  EXPECT_FALSE(LeavesReserve(-1, 0));
  EXPECT_TRUE(LeavesReserve(0, 0));
}

TEST_F(DescriptorReserve, TheLastOnesAreForOthers) {
  EXPECT_TRUE(LeavesReserve(1791, kReservedFromRelays));
  EXPECT_FALSE(LeavesReserve(1792, kReservedFromRelays));
  EXPECT_TRUE(LeavesReserve(1792, kReservedFromConnections));
  EXPECT_FALSE(LeavesReserve(1984, kReservedFromConnections));
  EXPECT_EQ(DescriptorsForRelays(), 1792U);
}

TEST_F(DescriptorReserve, ItIsAQuarterAtMost) {
  const rlimit tiny{512, before_.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tiny), 0);
  EXPECT_EQ(DescriptorsForRelays(), 384U);
}

TEST_F(DescriptorReserve, RelaysEndBeforeTheSystemDoes) {
  for (auto* open : {&OpenRelaySocket, &OpenTcpRelaySocket}) {
    std::vector<Descriptor> relays;
    OpenRelayResult opened = open(kLoopback);
    while (opened.error == 0 && relays.size() < kLimit) {
      relays.push_back(std::move(opened.descriptor));
      opened = open(kLoopback);
    }
    EXPECT_EQ(opened.error, EMFILE);
    EXPECT_GT(relays.size(), 1000U);
    std::vector<Descriptor> others;
    for (std::uint32_t i = 0; i < kReservedFromRelays; ++i)
      others.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_GE(others.back().get(), 0);
  }
}

}  // namespace relay::descriptor_reserve_test
