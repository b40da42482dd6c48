#include <algorithm>
#include <iostream>
#include <string>
#include <utility>

#include "server/app/embedded_default.h"
#include "server/cli/commands.h"
#include "server/config/load.h"
#include "server/config/units.h"
#include "server/doctor/running_server.h"
#include "server/doctor/watch.h"
#include "server/doctor/watched_ways.h"
#include "server/log/log.h"

namespace relay {
namespace {

// A prober has no use for certificates, and seldom has them.
bool IsNothingToProbers(const Diagnostic& error) {
  return error.key.starts_with("tls.") ||
         error.message.find("tls.certificates") != std::string::npos;
}

// The configuration; nullopt: it cannot be used, and there were complaints.
std::optional<Config> LoadForProber(const ConfigSource& source) {
  LoadedConfig loaded;
  if (source.file) {
    loaded = LoadConfigFile(*source.file, source.overrides);
  } else {
    auto embedded = BuildEmbeddedDefault(source.overrides, SelfSigned::kKeep);
    if (!embedded.ok()) {
      Complain(kExitFailed, embedded.error().message);
      return std::nullopt;
    }
    loaded = std::move(embedded.value().loaded);
  }
  std::erase_if(loaded.errors, IsNothingToProbers);
  for (const Diagnostic& error : loaded.errors) Complain(kExitUsage, error.ToString());
  if (!loaded.ok()) return std::nullopt;
  return std::move(loaded.config);
}

}  // namespace

int RunWatch(const WatchOptions& options) {
  const auto interval = ParseDuration(options.interval);
  if (!interval || *interval < std::chrono::seconds(1)) {
    return Complain(kExitUsage, "--interval takes a duration from 1s on, such as 15s or 1m, not '" +
                                    options.interval + "'");
  }
  const auto listen = base::Endpoint::Parse(options.listen);
  if (!listen) {
    return Complain(kExitUsage,
                    "--listen takes an address with a port, such as 127.0.0.1:9642, "
                    "not '" +
                        options.listen + "'");
  }
  const auto config = LoadForProber(options.source);
  if (!config) return kExitUsage;
  if (!CredentialOf(*config)) {
    return Complain(kExitUsage,
                    "there is no credential to relay with: the configuration needs a "
                    "shared secret, or a user with a password or an MD5 key");
  }
  std::vector<std::string> nodes = options.nodes;
  if (nodes.empty()) nodes.push_back(config->node.empty() ? "127.0.0.1" : config->node);
  auto ways = WaysTo(nodes, config->listeners);
  if (!ways.ok()) return Complain(kExitUsage, ways.error().message);

  InitLog(LogFormat::kText, LogLevel::kInfo);
  const auto watch = Watch::Open(
      {.ways = std::move(ways).value(),
       // There is one: it does not depend on the time.
       .credential = [&config] { return CredentialOf(*config).value_or(ProbeCredential{}); },
       .interval = *interval,
       .listen = *listen});
  if (!watch.ok()) return Complain(kExitFailed, watch.error().message);
  std::cout << "metrics at http://"
            << base::Endpoint{listen->address, watch.value()->port()}.ToString() << "/metrics\n"
            << std::flush;
  watch.value()->Run();
  return kExitDone;
}

}  // namespace relay
