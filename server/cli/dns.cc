#include "server/app/dns.h"

#include <iostream>

#include "protocol/base/time.h"
#include "server/app/fleet_setup.h"
#include "server/cli/load_source.h"

namespace relay {

int RunDns(const DnsOptions& options) {
  const auto loaded = LoadNode(options.source);
  if (const int* code = std::get_if<int>(&loaded)) return *code;
  const auto& [config, relay_addresses] = std::get<SourceNode>(loaded);
  const FleetReading fleet = ReadFleet(RegistriesOf(config));
  const auto domains =
      AdviseDns(config, WithOthers(ServingNode(config, relay_addresses), fleet.nodes));
  if (!domains.ok()) return Complain(kExitFailed, domains.error().message);
  // Zones that are made later are newer.
  const auto now = base::ReadClocks().wall.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const DnsPrinting printing{options.ttl_seconds, static_cast<std::uint32_t>(seconds),
                             options.name_servers};
  std::cout << (options.is_external_dns ? PrintDnsEndpoints(domains.value(), printing)
                                        : PrintDnsZones(domains.value(), printing))
            << std::flush;
  return ComplainOfMissingNodes(fleet);
}

}  // namespace relay
