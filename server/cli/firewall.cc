#include <iostream>

#include "server/app/firewall.h"
#include "server/app/fleet_setup.h"
#include "server/cli/load_source.h"

namespace relay {

int RunFirewall(const FirewallOptions& options) {
  const auto loaded = LoadNode(options.source);
  if (const int* code = std::get_if<int>(&loaded)) return *code;
  const auto& [config, relay_addresses] = std::get<SourceNode>(loaded);
  const FleetReading fleet = ReadFleet(RegistriesOf(config));
  FirewallAdvice advice =
      AdviseFirewall(config, WithOthers(ThisNode(config, relay_addresses), fleet.nodes));
  advice.is_complete = fleet.troubles.empty();
  std::cout << (options.format == "json" ? PrintFirewallJson(advice) : PrintFirewallText(advice))
            << std::flush;
  return ComplainOfMissingNodes(fleet);
}

}  // namespace relay
