#include "server/upgrade/live_ports.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "server/upgrade/deadline.h"
#include "server/upgrade/messages.h"

namespace relay {
namespace {

// How late the other one may hear of a change.
constexpr std::chrono::milliseconds kInterval{200};

std::vector<base::Endpoint> Without(const std::vector<base::Endpoint>& all,
                                    const std::vector<base::Endpoint>& some) {
  std::vector<base::Endpoint> left;
  std::ranges::set_difference(all, some, std::back_inserter(left));
  return left;
}

// False: the other one is gone, or does not speak as it should.
bool Hear(UpgradeChannel& channel, turn::Ledger& ledger) {
  const auto received = channel.Receive(base::ReadClocks().monotonic);
  return received.ok() &&
         received.value().type == static_cast<std::uint8_t>(UpgradeFrame::kLivePorts) &&
         TakeLivePorts(received.value().payload, ledger);
}

}  // namespace

base::Result<void> SendLivePorts(UpgradeChannel& channel, bool is_live,
                                 const std::vector<base::Endpoint>& addresses,
                                 base::MonotonicTime deadline) {
  for (std::size_t begin = 0; begin < addresses.size(); begin += UpgradeLivePorts::kMost) {
    const std::size_t end = std::min(begin + UpgradeLivePorts::kMost, addresses.size());
    const UpgradeLivePorts ports{is_live,
                                 {addresses.begin() + static_cast<std::ptrdiff_t>(begin),
                                  addresses.begin() + static_cast<std::ptrdiff_t>(end)}};
    auto sent = channel.Send(static_cast<std::uint8_t>(UpgradeFrame::kLivePorts), Encode(ports), {},
                             deadline);
    if (!sent.ok()) return sent;
  }
  return {};
}

bool TakeLivePorts(base::Bytes payload, turn::Ledger& ledger) {
  const auto ports = DecodeLivePorts(payload);
  if (!ports) return false;
  for (const base::Endpoint& each : ports->addresses) ledger.SetLiveElsewhere(each, ports->is_live);
  return true;
}

void ExchangeLivePorts(UpgradeChannel& channel, turn::Ledger& ledger,
                       std::vector<base::Endpoint> told, int wake,
                       const std::function<bool()>& is_over) {
  std::ranges::sort(told);
  for (;;) {
    std::vector<base::Endpoint> live = ledger.ListLive();
    std::ranges::sort(live);
    if (!SendLivePorts(channel, false, Without(told, live), In(kUpgradeWord)).ok() ||
        !SendLivePorts(channel, true, Without(live, told), In(kUpgradeWord)).ok())
      break;
    told = std::move(live);
    std::array<pollfd, 2> watched{{{channel.descriptor(), POLLIN, 0}, {wake, POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), static_cast<int>(kInterval.count()));
    if (watched[1].revents != 0 && is_over()) break;
    if (watched[0].revents != 0 && !Hear(channel, ledger)) break;
  }
  ledger.ForgetElsewhere();
}

}  // namespace relay
