#include "server/cli/load_source.h"

#include <utility>

#include "server/app/embedded_default.h"
#include "server/app/relay_addresses.h"
#include "server/config/load.h"

namespace relay {
namespace {

base::Result<LoadedConfig> LoadSource(const ConfigSource& source) {
  if (!source.file) {
    auto embedded = BuildEmbeddedDefault(source.overrides, SelfSigned::kSpare);
    if (!embedded.ok()) return embedded.error();
    return std::move(embedded).value().loaded;
  }
  LoadedConfig loaded = LoadConfigFile(*source.file, source.overrides);
  if (loaded.ok()) LeaveOutUnavailableListeners(loaded.config);
  return loaded;
}

}  // namespace

std::variant<SourceNode, int> LoadNode(const ConfigSource& source) {
  auto loaded = LoadSource(source);
  if (!loaded.ok()) return Complain(kExitFailed, loaded.error().message);
  for (const Diagnostic& error : loaded.value().errors) Complain(kExitUsage, error.ToString());
  if (!loaded.value().ok()) return kExitUsage;
  auto addresses = ResolveRelayAddresses(loaded.value().config);
  if (!addresses.ok()) return Complain(kExitUsage, addresses.error().message);
  return SourceNode{std::move(loaded).value().config, std::move(addresses).value()};
}

int ComplainOfMissingNodes(const FleetReading& fleet) {
  int code = kExitDone;
  for (const std::string& trouble : fleet.troubles)
    code = Complain(kExitFailed, "the list of servers is incomplete: " + trouble);
  return code;
}

}  // namespace relay
