#include <iostream>

#include "server/cli/commands.h"
#include "server/config/configuration_doc.h"
#include "server/metrics/metrics_document.h"

namespace relay {

int RunVersion() {
  std::cout << "senso-turn " SENSO_TURN_VERSION "\n" << std::flush;
  return kExitDone;
}

int RunGenerateConfiguration() {
  std::cout << GenerateConfigurationDocument() << std::flush;
  return kExitDone;
}

int RunGenerateMetrics() {
  std::cout << GenerateMetricsDocument() << std::flush;
  return kExitDone;
}

}  // namespace relay
