#include <iostream>

#include "protocol/base/time.h"
#include "server/app/ice_servers.h"
#include "server/cli/load_source.h"
#include "server/config/units.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kMaxTtl = std::chrono::days(365);

}  // namespace

int RunCredentials(const CredentialsOptions& options) {
  std::optional<std::chrono::seconds> ttl;
  if (options.ttl) {
    ttl = ParseDuration(*options.ttl);
    if (!ttl || ttl->count() == 0 || *ttl > kMaxTtl) {
      return Complain(kExitUsage,
                      "--ttl: '" + *options.ttl +
                          "' is not a duration; accepted: 1s to 365d, such as 90s, 10m, "
                          "1h, 7d");
    }
  }
  const auto loaded = LoadNode(options.source);
  if (const int* code = std::get_if<int>(&loaded)) return *code;
  const auto& [config, relay_addresses] = std::get<SourceNode>(loaded);
  const IceUrls urls = MakeIceUrls(config.listeners, options.node.value_or(config.node),
                                   relay_addresses, LoadCertificates(config));
  const auto json =
      MakeIceServersJson(config, urls, options.user, ttl.value_or(config.credentials.default_ttl),
                         base::ReadClocks().wall);
  if (!json.ok()) return Complain(kExitFailed, json.error().message);
  std::cout << json.value() << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
