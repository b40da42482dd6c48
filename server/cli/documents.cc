#include <iostream>

#include "server/app/firewall.h"
#include "server/cli/commands.h"
#include "server/config/configuration_doc.h"
#include "server/metrics/metrics_document.h"
#include "server/migrate/migrate.h"

namespace relay {

int RunVersion() {
  std::cout << "senso-turn " SENSO_TURN_VERSION "\n" << std::flush;
  return kExitDone;
}

int RunGenerateConfiguration() {
  std::cout << GenerateConfigurationDocument() << std::flush;
  return kExitDone;
}

int RunGenerateFirewall() {
  Config config;
  config.node = "eu01.turn.example.org";
  const auto v4 = *base::IpAddress::Parse("198.51.100.10");
  const auto v6 = *base::IpAddress::Parse("2001:db8::10");
  std::cout << PrintFirewallDocument(
                   AdviseFirewall(config, {ThisNode(config, {{v4, v4}, {v6, v6}})}))
            << std::flush;
  return kExitDone;
}

int RunGenerateMetrics() {
  std::cout << GenerateMetricsDocument() << std::flush;
  return kExitDone;
}

int RunGenerateMigration() {
  std::cout << PrintMigrationDocument() << std::flush;
  return kExitDone;
}

}  // namespace relay
