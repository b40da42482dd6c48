#include "server/datapath/kernel/bpf_program.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "tests/server/datapath/kernel/fastpath_fixture.h"

namespace relay::bpf_program_test {

// What Load says in a process that has only these capabilities, by their bits; empty: it works.
std::string LoadWith(std::uint32_t low, std::uint32_t high) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> data{};
    data[0] = {.effective = low, .permitted = low, .inheritable = 0};
    data[1] = {.effective = high, .permitted = high, .inheritable = 0};
    std::string message = "capset failed";
    if (::syscall(SYS_capset, &header, data.data()) == 0) {
      const auto loaded = BpfProgram::Load({.routes = 8, .slots = 8, .next_hops = 8});
      message = loaded.ok() ? "" : loaded.error().message;
    }
    const ssize_t written = ::write(ends[1], message.data(), message.size());
    ::_exit(written < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string message(1024, '\0');
  const ssize_t bytes = ::read(ends[0], message.data(), message.size());
  message.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return message;
}

constexpr std::uint32_t kNetAdmin = 1U << CAP_NET_ADMIN;
constexpr std::uint32_t kBpf = 1U << (CAP_BPF - 32);
constexpr std::uint32_t kPerfmon = 1U << (CAP_PERFMON - 32);

class BpfProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fastpath_.Load() && !fastpath_.skip_reason().empty())
      GTEST_SKIP() << fastpath_.skip_reason();
    ASSERT_FALSE(HasNonfatalFailure());
  }
  test::FastpathFixture fastpath_;
};

TEST_F(BpfProgramTest, SaysWhichCapabilityIsMissing) {
  const std::string needs = "the kernel datapath needs ";
  const std::string lacks = ", which this process does not have";
  EXPECT_EQ(LoadWith(0, 0), needs + "CAP_BPF and CAP_NET_ADMIN" + lacks);
  EXPECT_EQ(LoadWith(kNetAdmin, 0), needs + "CAP_BPF" + lacks);
  EXPECT_EQ(LoadWith(0, kBpf), needs + "CAP_NET_ADMIN" + lacks);
}

// Such as Linux 6.1, whose verifier trusts a process less that has no CAP_PERFMON.
bool IsOldKernel() {
  utsname names{};
  int major = 0;
  int minor = 0;
  return ::uname(&names) == 0 && std::sscanf(names.release, "%d.%d", &major, &minor) == 2 &&
         std::pair(major, minor) < std::pair(6, 18);
}

TEST_F(BpfProgramTest, CapBpfAndCapNetAdminAreEnoughOrItSaysWhatIsMissing) {
  const std::string refusal = LoadWith(kNetAdmin, kBpf);
  if (IsOldKernel() && !refusal.empty())
    EXPECT_NE(refusal.find("needs CAP_PERFMON"), std::string::npos) << refusal;
  else
    EXPECT_EQ(refusal, "");
  EXPECT_EQ(LoadWith(kNetAdmin, kBpf | kPerfmon), "");
}

TEST_F(BpfProgramTest, SaysInOneLineWhatTheSystemRefuses) {
  // More than the kernel can count.
  const auto loaded = BpfProgram::Load({.routes = 0xffffffff, .slots = 8, .next_hops = 8});
  ASSERT_FALSE(loaded.ok());
  EXPECT_TRUE(loaded.error().message.starts_with("the kernel does not load the program"))
      << loaded.error().message;
  EXPECT_EQ(loaded.error().message.find('\n'), std::string::npos);
}

TEST_F(BpfProgramTest, HasBothPrograms) {
  EXPECT_GE(fastpath_.program().tc_descriptor(), 0);
  EXPECT_GE(fastpath_.program().xdp_descriptor(), 0);
}

TEST_F(BpfProgramTest, AFullMapRefusesARouteAndForgetsHalfOfIt) {
  // A map per key: the one of peers is made full by routes with the same channel.
  test::TestRoute route;
  route.client = {*base::IpAddress::Parse("192.0.2.7"), 61000};
  route.server = {*base::IpAddress::Parse("198.51.100.1"), 3478};
  route.relayed = {*base::IpAddress::Parse("198.51.100.2"), 50000};
  route.peer = {*base::IpAddress::Parse("203.0.113.9"), 7000};
  const std::uint32_t count = fastpath_.maps().sizes().routes;
  for (std::uint32_t index = 0; index < count - 1; ++index) {
    route.peer.port = static_cast<std::uint16_t>(7000 + index);
    ASSERT_TRUE(fastpath_.maps().InstallRoute(index, ToRecord(route)).ok()) << index;
  }
  // The kernel may hold a few more entries than it was asked for: one for each CPU.
  base::Result<void> result;
  for (std::uint16_t port = 8000; port < 9000 && result.ok(); ++port) {
    route.peer.port = port;
    route.channel = 0x4002;
    result = fastpath_.maps().InstallRoute(count - 1, ToRecord(route));
  }
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(result.error().message.starts_with("no room for a peer")) << result.error().message;
  test::Datagram datagram;
  datagram.source = route.client;
  datagram.destination = route.server;
  datagram.payload = test::ChannelData(0x4002, test::Pattern(20));
  const test::RunResult run = fastpath_.Run(test::Attachment::kTc, MakeFrame(datagram));
  EXPECT_EQ(run.verdict, test::Verdict::kPassed);
  EXPECT_EQ(fastpath_.Outcomes(FASTPATH_PASS_MISS), 1U);
}

using BpfProgramDeathTest = BpfProgramTest;

TEST_F(BpfProgramDeathTest, IndicesOutOfRangeAreABug) {
  EXPECT_DEATH(fastpath_.maps().RemoveRoute(64), "CHECK failed");
  EXPECT_DEATH(fastpath_.maps().SetNextHop(0, test::MakeLink()), "CHECK failed");
  EXPECT_DEATH(fastpath_.maps().ResetSlot(16, {1}), "CHECK failed");
}

}  // namespace relay::bpf_program_test
