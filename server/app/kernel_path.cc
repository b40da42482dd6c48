#include "server/app/kernel_path.h"

#include <linux/capability.h>

#include <utility>

#include "protocol/stun/channel_data.h"
#include "server/app/relay_settings.h"
#include "server/datapath/kernel/capabilities.h"
#include "server/datapath/kernel/fastpath_counters.h"
#include "server/log/log.h"
#include "server/sandbox/sandbox.h"

namespace relay {
namespace {

using Choice = Config::Datapath;

// The system's default of TTL and hop limit.
constexpr std::uint8_t kDefaultHopLimit = 64;

KernelDatapath::Options MakeOptions(const Config& config,
                                    const std::vector<ShardGroup::ListenerState>& listeners,
                                    const std::vector<turn::RelayAddress>& relay_addresses) {
  KernelDatapath::Options options;
  options.mode = config.relay.datapath == Choice::kXdp ? KernelDatapath::Mode::kXdp
                                                       : KernelDatapath::Mode::kTc;
  options.may_wait_for_interfaces = config.relay.datapath != Choice::kAuto;
  options.allocations = config.limits.allocations;
  options.settings = MakeKernelSettings(config);
  for (const turn::RelayAddress& address : relay_addresses)
    options.served.push_back(address.internal);
  for (const ShardGroup::ListenerState& state : listeners) {
    // What proxies send begins with a header of theirs.
    if (!state.error.empty() || state.listener.kind != ShardGroup::ListenerKind::kUdp ||
        !state.listener.trusted_proxies.empty())
      continue;
    options.listener_ports.push_back(state.bound.port);
    if (!state.bound.address.is_unspecified()) options.served.push_back(state.bound.address);
  }
  return options;
}

std::string DescribeInterfaces(const KernelDatapath& datapath) {
  std::string text;
  for (const Attachments::State& state : datapath.interfaces()) {
    text += (text.empty() ? "" : ", ") + state.interface_name;
    if (!state.problem.empty()) text += " (not: " + state.problem + ")";
  }
  return text.empty() ? "no interface yet" : text;
}

KernelPath::Opened InUserspace(Choice choice, const std::string& reason) {
  Log(LogLevel::kInfo, "packets are relayed in userspace", {{"reason", reason}});
  return {choice, nullptr, "userspace (" + reason + ")"};
}

KernelPath::Opened InKernel(Choice choice, std::shared_ptr<KernelDatapath> datapath) {
  const std::string interfaces = DescribeInterfaces(*datapath);
  Log(LogLevel::kInfo, "packets of UDP clients are relayed in the kernel",
      {{"mode", datapath->mode()}, {"interfaces", interfaces}});
  if (!HasPerfmonCapability()) {
    Log(LogLevel::kWarning,
        "without CAP_PERFMON each packet takes about 0.4 microseconds longer in the kernel",
        {{"remedy", "grant it like CAP_BPF (AmbientCapabilities=, --cap-add)"}});
  }
  std::string description = "kernel (" + datapath->mode() + ") on " + interfaces;
  return {choice, std::move(datapath), std::move(description)};
}

// Whether a datapath is what is asked for.
bool Fits(const std::shared_ptr<KernelDatapath>& datapath, Choice choice) {
  return datapath != nullptr && choice != Choice::kUserspace &&
         (datapath->mode() == ToString(AttachmentKind::kXdp)) == (choice == Choice::kXdp);
}

void Add(const fastpath_totals& more, fastpath_totals& sum) {
  for (std::size_t i = 0; i < FASTPATH_DIRECTIONS; ++i) {
    sum.relayed[i].packets += more.relayed[i].packets;
    sum.relayed[i].bytes += more.relayed[i].bytes;
  }
  for (std::size_t i = 0; i < FASTPATH_OUTCOMES; ++i) sum.outcomes[i] += more.outcomes[i];
}

}  // namespace

base::Result<KernelPath::Opened> KernelPath::Open(
    const Config& config, const std::vector<ShardGroup::ListenerState>& listeners,
    const std::vector<turn::RelayAddress>& relay_addresses, const Opened& former,
    std::optional<std::vector<KernelLink>> inherited) {
  const Choice choice = config.relay.datapath;
  if (choice == Choice::kUserspace) return InUserspace(choice, "as configured");
  if (Fits(former.datapath, choice)) return Opened{choice, former.datapath, former.description};
  const KernelDatapath::Options options = MakeOptions(config, listeners, relay_addresses);
  if (options.listener_ports.empty() && choice == Choice::kAuto)
    return InUserspace(choice, "there is no UDP listener that clients reach without a proxy");
  auto opened = KernelDatapath::Open(options, std::move(inherited));
  if (opened.ok()) return InKernel(choice, std::move(opened).value());
  std::string why = opened.error().message;
  if ((GivenUpCapabilities() & (BitOf(CAP_NET_ADMIN) | BitOf(CAP_BPF))) != 0) {
    why +=
        "; they were given up at the start, which was without the kernel: restart "
        "(process.sandbox)";
  }
  if (choice == Choice::kAuto) return InUserspace(choice, why);
  return base::Error{"relay.datapath: " + why};
}

void KernelPath::Start() {
  if (now_.datapath != nullptr) now_.datapath->Start();
}

void KernelPath::Replace(Opened opened) {
  const Opened former = std::exchange(now_, std::move(opened));
  Start();
  if (former.datapath == nullptr || former.datapath == now_.datapath) return;
  former.datapath->Detach();
  if (const auto totals = former.datapath->ReadTotals()) Add(*totals, former_totals_);
}

const ShardCounters& KernelPath::ReadCounters() const {
  fastpath_totals sum = former_totals_;
  if (now_.datapath != nullptr) {
    const auto totals = now_.datapath->ReadTotals();
    if (!totals) return counters_;
    Add(*totals, sum);
  }
  CopyCounters(sum, counters_);
  return counters_;
}

KernelDatapath::Settings MakeKernelSettings(const Config& config) {
  const bool is_rfc5766 = config.protocol.channel_numbers == Config::ChannelNumbers::kRfc5766;
  return {.limits = MakeTrafficLimits(config),
          .new_hop_limit = config.relay.hop_limit == Config::HopLimit::kDefault ? kDefaultHopLimit
                                                                                : std::uint8_t{0},
          .last_channel = is_rfc5766 ? stun::kLastChannelRfc5766.value : stun::kLastChannel.value};
}

}  // namespace relay
