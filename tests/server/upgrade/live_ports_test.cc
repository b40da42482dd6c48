#include "server/upgrade/live_ports.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace relay::live_ports_test {

// Somebody asks for an upgrade that has just been: that ends nothing.
TEST(LivePorts, AreToldUntilItIsOverAndNotUntilSomethingWakesIt) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()),
            0);
  UpgradeChannel channel{Descriptor(pair[0])};
  const Descriptor other(pair[1]);
  const Descriptor wake(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  turn::Ledger ledger{turn::Ledger::Options{}};
  int asked = 0;
  ExchangeLivePorts(channel, ledger, {}, wake.get(), [&] { return ++asked == 3; });
  EXPECT_EQ(asked, 3);
}

TEST(LivePorts, AreToldUntilTheOtherProcessEnds) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()),
            0);
  UpgradeChannel channel{Descriptor(pair[0])};
  ::close(pair[1]);
  const Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  turn::Ledger ledger{turn::Ledger::Options{}};
  ExchangeLivePorts(channel, ledger, {}, wake.get(), [] { return false; });
}

}  // namespace relay::live_ports_test
