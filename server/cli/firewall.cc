#include "server/app/firewall.h"

#include <iostream>

#include "server/app/relay_addresses.h"
#include "server/cli/load_source.h"

namespace relay {

int RunFirewall(const FirewallOptions& options) {
  const auto loaded = LoadSource(options.source);
  if (!loaded.ok()) return Complain(kExitFailed, loaded.error().message);
  for (const Diagnostic& error : loaded.value().errors) Complain(kExitUsage, error.ToString());
  if (!loaded.value().ok()) return kExitUsage;
  const Config& config = loaded.value().config;
  const auto addresses = ResolveRelayAddresses(config);
  if (!addresses.ok()) return Complain(kExitUsage, addresses.error().message);

  const FirewallAdvice advice = AdviseFirewall(config, {ThisNode(config, addresses.value())});
  std::cout << (options.format == "json" ? PrintFirewallJson(advice) : PrintFirewallText(advice))
            << std::flush;
  return kExitDone;
}

}  // namespace relay
