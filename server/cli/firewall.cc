#include <iostream>

#include "server/app/firewall.h"
#include "server/app/fleet_setup.h"
#include "server/cli/load_source.h"
#include "server/fleet/fleet_reader.h"

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
  int code = kExitDone;
  for (const std::string& trouble : fleet.troubles)
    code = Complain(kExitFailed, "the list of servers is incomplete: " + trouble);
  return code;
}

}  // namespace relay
