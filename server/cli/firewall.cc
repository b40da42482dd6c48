#include "server/app/firewall.h"

#include <iostream>

#include "server/cli/load_source.h"

namespace relay {

int RunFirewall(const FirewallOptions& options) {
  const auto loaded = LoadNode(options.source);
  if (const int* code = std::get_if<int>(&loaded)) return *code;
  const auto& [config, relay_addresses] = std::get<SourceNode>(loaded);
  const FirewallAdvice advice = AdviseFirewall(config, {ThisNode(config, relay_addresses)});
  std::cout << (options.format == "json" ? PrintFirewallJson(advice) : PrintFirewallText(advice))
            << std::flush;
  return kExitDone;
}

}  // namespace relay
