#include "server/app/kernel_path.h"

#include <utility>

#include "protocol/stun/channel_data.h"
#include "server/app/relay_settings.h"
#include "server/log/log.h"

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
    options.served.addresses.push_back(address.internal);
  for (const ShardGroup::ListenerState& state : listeners) {
    // What proxies send begins with a header of theirs.
    if (!state.error.empty() || state.listener.kind != ShardGroup::ListenerKind::kUdp ||
        !state.listener.trusted_proxies.empty())
      continue;
    options.listener_ports.push_back(state.bound.port);
    options.served.addresses.push_back(state.bound.address);
    if (state.bound.address.is_unspecified()) options.served.is_every = true;
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

KernelPath InUserspace(const std::string& reason) {
  Log(LogLevel::kInfo, "packets are relayed in userspace", {{"reason", reason}});
  return {nullptr, "userspace (" + reason + ")"};
}

}  // namespace

base::Result<KernelPath> OpenKernelPath(const Config& config,
                                        const std::vector<ShardGroup::ListenerState>& listeners,
                                        const std::vector<turn::RelayAddress>& relay_addresses) {
  if (config.relay.datapath == Choice::kUserspace) return InUserspace("as configured");
  const KernelDatapath::Options options = MakeOptions(config, listeners, relay_addresses);
  if (options.listener_ports.empty() && config.relay.datapath == Choice::kAuto)
    return InUserspace("there is no UDP listener that clients reach without a proxy");
  auto opened = KernelDatapath::Open(options);
  if (!opened.ok()) {
    if (config.relay.datapath == Choice::kAuto) return InUserspace(opened.error().message);
    return base::Error{"relay.datapath: " + opened.error().message};
  }
  std::unique_ptr<KernelDatapath> datapath = std::move(opened).value();
  const std::string interfaces = DescribeInterfaces(*datapath);
  Log(LogLevel::kInfo, "packets of UDP clients are relayed in the kernel",
      {{"mode", datapath->mode()}, {"interfaces", interfaces}});
  std::string description = "kernel (" + datapath->mode() + ") on " + interfaces;
  return KernelPath{std::move(datapath), std::move(description)};
}

KernelDatapath::Settings MakeKernelSettings(const Config& config) {
  const RateLimits limits = MakeRateLimits(config);
  const bool is_rfc5766 = config.protocol.channel_numbers == Config::ChannelNumbers::kRfc5766;
  return {.bytes_per_second = limits.bytes_per_second,
          .packets_per_second = limits.packets_per_second,
          .new_hop_limit = config.relay.hop_limit == Config::HopLimit::kDefault ? kDefaultHopLimit
                                                                                : std::uint8_t{0},
          .last_channel = is_rfc5766 ? stun::kLastChannelRfc5766.value : stun::kLastChannel.value};
}

}  // namespace relay
