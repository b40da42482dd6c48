#include "server/app/embedded_default.h"

#include <utility>

#include "server/app/relay_addresses.h"
#include "server/app/state_directory.h"

namespace relay {
namespace {

bool IsAvailable(Config::ListenerTransport transport) {
  return transport == Config::ListenerTransport::kUdp ||
         transport == Config::ListenerTransport::kTcp;
}

}  // namespace

std::vector<LeftOutListener> LeaveOutUnavailableListeners(Config& config) {
  std::vector<LeftOutListener> left_out;
  if (config.listeners_were_given) return left_out;
  const bool has_v4 = FamilyExists(base::AddressFamily::kIpv4);
  const bool has_v6 = FamilyExists(base::AddressFamily::kIpv6);
  std::vector<Config::Listener> kept;
  for (Config::Listener& listener : config.listeners) {
    const bool is_v4 = listener.address.is_v4();
    if (!IsAvailable(listener.transport)) {
      left_out.push_back({std::move(listener), "not part of this version",
                          "put a TLS proxy in front of the tcp listener until it is"});
    } else if (is_v4 ? !has_v4 : !has_v6) {
      left_out.push_back({std::move(listener),
                          is_v4 ? "this host has no IPv4" : "this host has no IPv6",
                          "enable it on the host and start again"});
    } else {
      kept.push_back(std::move(listener));
    }
  }
  config.listeners = std::move(kept);
  return left_out;
}

base::Result<EmbeddedDefault> BuildEmbeddedDefault(const std::vector<std::string>& overrides) {
  EmbeddedDefault embedded;
  embedded.loaded = LoadConfigText("", "", overrides);
  if (!embedded.loaded.ok()) return embedded;

  const Config::Auth& auth = embedded.loaded.config.auth;
  if (auth.users.empty() && auth.shared_secrets.empty()) {
    auto directory = OpenStateDirectory(embedded.loaded.config);
    if (!directory.ok()) return directory.error();
    auto kept = KeepSecret(directory.value());
    if (!kept.ok()) return kept.error();
    // As if the operator had named the file, so that everything is checked in one place.
    std::vector<std::string> with_secret = overrides;
    with_secret.emplace_back("auth.shared_secrets[0].id=default");
    with_secret.push_back("auth.shared_secrets[0].secret_file=" + kept.value().path);
    embedded.loaded = LoadConfigText("", "", with_secret);
    embedded.secret_path = kept.value().path;
    if (kept.value().is_world_readable) {
      embedded.loaded.warnings.push_back(
          {kept.value().path, 0, "", "every user of this host can read the secret; chmod 600"});
    }
  }
  embedded.left_out = LeaveOutUnavailableListeners(embedded.loaded.config);
  return embedded;
}

}  // namespace relay
