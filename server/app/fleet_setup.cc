#include "server/app/fleet_setup.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "server/app/state_directory.h"
#include "server/config/registry.h"
#include "server/fleet/regional_fleet.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr const char* kAlone = "memory";
constexpr ::mode_t kOnlyOwner = 0600;
// A hundred thousand of the longest names.
constexpr std::streamoff kMaxSavedBytes = 256LL << 20;

std::string SavedIn(const std::string& directory) { return directory + "/revocations"; }

std::optional<std::string> ReadSaved(const Config& config) {
  for (const std::string& directory : StateDirectoryCandidates(config)) {
    const std::string path = SavedIn(directory);
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) {
      if (errno != ENOENT && errno != ENOTDIR)
        Log(LogLevel::kError, "saved revocations cannot be read",
            {{"path", path}, {"reason", std::strerror(errno)}});
      continue;
    }
    const std::streamoff size = file.tellg();
    // What cannot be whole is as good as damaged.
    if (size < 0 || size > kMaxSavedBytes) return std::string();
    file.seekg(0);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  return std::nullopt;
}

// nullopt: a node that is alone.
std::optional<RedisAddress> ToAddress(const std::string& registry, const std::string& password) {
  if (registry == kAlone) return std::nullopt;
  RegistryUrl url = ParseRegistryUrl(registry).value();  // the configuration has been checked
  return RedisAddress{.socket_path = std::move(url.socket_path),
                      .host = std::move(url.host),
                      .port = url.port,
                      .user = std::move(url.user),
                      .database = url.database,
                      .password = password};
}

std::vector<RedisAddress> OtherRegistriesOf(const Config& config) {
  std::vector<RedisAddress> others;
  for (const std::string& each : config.fleet.read) {
    if (auto address = ToAddress(each, config.fleet.password))
      others.push_back(*std::move(address));
  }
  return others;
}

}  // namespace

std::vector<RedisAddress> RegistriesOf(const Config& config) {
  std::vector<RedisAddress> registries = OtherRegistriesOf(config);
  if (auto own = ToAddress(config.fleet.registry, config.fleet.password))
    registries.insert(registries.begin(), *std::move(own));
  return registries;
}

std::unique_ptr<Fleet> MakeFleet(const Config& config, RelayServer* relay, EventLoop& loop) {
  RegionalFleet::Options options;
  options.registry = ToAddress(config.fleet.registry, config.fleet.password);
  options.others = OtherRegistriesOf(config);
  options.read_saved = [config] { return ReadSaved(config); };
  options.save = [config](const std::string& text) -> base::Result<void> {
    const auto directory = OpenStateDirectory(config);
    if (!directory.ok()) return directory.error();
    return ReplaceFile(SavedIn(directory.value()), text, kOnlyOwner);
  };
  if (relay != nullptr) {
    options.read_counts = [relay] { return relay->shards().ledger().ReadCounts(); };
    options.on_counts = [relay](std::shared_ptr<const turn::QuotaCounts> counts) {
      relay->SetCountsElsewhere(std::move(counts));
    };
  }
  return std::make_unique<RegionalFleet>(loop, std::move(options));
}

}  // namespace relay
