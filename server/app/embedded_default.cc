#include "server/app/embedded_default.h"

#include <algorithm>
#include <utility>

#include "protocol/base/time.h"
#include "server/app/kept_certificates.h"
#include "server/app/relay_addresses.h"
#include "server/app/state_directory.h"

namespace relay {
namespace {

// What is kept in the state directory, as if the operator had named the files, so that everything
// is checked in one place.
class Keeper {
 public:
  explicit Keeper(const Config& config) : config_(config), directory_(OpenStateDirectory(config)) {}

  // The secret's path.
  base::Result<std::string> KeepSecretFile() {
    if (!directory_.ok()) return directory_.error();
    auto kept = KeepSecret(directory_.value());
    if (!kept.ok()) return kept.error();
    overrides_.emplace_back("auth.shared_secrets[0].id=default");
    overrides_.push_back("auth.shared_secrets[0].secret_file=" + kept.value().path);
    if (kept.value().is_world_readable) {
      warnings_.push_back(
          {kept.value().path, 0, "", "every user of this host can read the secret; chmod 600"});
    }
    return kept.value().path;
  }

  base::Result<void> KeepCertificateFiles() {
    if (!directory_.ok()) return directory_.error();
    // Without addresses the server is not going to start, and says why.
    auto resolved = ResolveRelayAddresses(config_);
    std::vector<turn::RelayAddress> addresses;
    if (resolved.ok()) addresses = std::move(resolved).value();
    const CertificateSubjects subjects = SubjectsOf(config_.node, addresses);
    auto kept = KeepCertificates(directory_.value(), subjects, base::ReadClocks().wall);
    if (!kept.ok()) return kept.error();
    for (std::size_t i = 0; i < kept.value().certificates.size(); ++i) {
      const Config::Certificate& pair = kept.value().certificates[i];
      const std::string item = "tls.certificates[" + std::to_string(i) + "].";
      overrides_.push_back(item + "certificate=" + pair.certificate_path);
      overrides_.push_back(item + "private_key=" + pair.private_key_path);
    }
    for (std::string& why : kept.value().replaced) {
      warnings_.push_back({"", 0, "", why + "; clients have to be told to trust the new one"});
    }
    return {};
  }

  const std::vector<std::string>& overrides() const { return overrides_; }
  const std::vector<Diagnostic>& warnings() const { return warnings_; }

 private:
  const Config& config_;
  base::Result<std::string> directory_;
  std::vector<std::string> overrides_;
  std::vector<Diagnostic> warnings_;
};

LoadedConfig LoadDefaults(const std::vector<std::string>& overrides) {
  return LoadConfigText("", "", overrides, {}, CertificateNeed::kIsMadeIfMissing);
}

bool NamesListenersThatNeedCertificates(const Config& config) {
  return config.listeners_were_given &&
         std::ranges::any_of(config.listeners, NeedsCertificate, &Config::Listener::transport);
}

}  // namespace

std::vector<LeftOutListener> LeaveOutUnavailableListeners(Config& config,
                                                          std::string_view no_certificate) {
  std::vector<LeftOutListener> left_out;
  if (config.listeners_were_given) return left_out;
  const bool has_v4 = FamilyExists(base::AddressFamily::kIpv4);
  const bool has_v6 = FamilyExists(base::AddressFamily::kIpv6);
  std::vector<Config::Listener> kept;
  for (Config::Listener& listener : config.listeners) {
    const bool is_v4 = listener.address.is_v4();
    if (NeedsCertificate(listener.transport) && config.tls.certificates.empty()) {
      left_out.push_back(
          {std::move(listener), std::string(no_certificate), "add tls.certificates"});
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

base::Result<EmbeddedDefault> BuildEmbeddedDefault(const std::vector<std::string>& overrides,
                                                   SelfSigned self_signed) {
  EmbeddedDefault embedded;
  embedded.loaded = LoadDefaults(overrides);
  if (!embedded.loaded.ok()) return embedded;

  const Config given = embedded.loaded.config;
  const bool needs_secret = given.auth.users.empty() && given.auth.shared_secrets.empty() &&
                            given.auth.access_tokens.keys.empty();
  const bool needs_certificates =
      given.tls.certificates.empty() && self_signed == SelfSigned::kKeep;
  std::string no_certificate = "there is no certificate";
  if (needs_secret || needs_certificates) {
    Keeper keeper(given);
    if (needs_secret) {
      auto path = keeper.KeepSecretFile();
      if (!path.ok()) return path.error();
      embedded.secret_path = std::move(path).value();
    }
    if (needs_certificates) {
      const auto made = keeper.KeepCertificateFiles();
      embedded.has_self_signed = made.ok();
      if (!made.ok()) no_certificate = "no certificate can be made: " + made.error().message;
      if (!made.ok() && NamesListenersThatNeedCertificates(given)) {
        return base::Error{no_certificate};
      }
    }
    std::vector<std::string> all = overrides;
    all.insert(all.end(), keeper.overrides().begin(), keeper.overrides().end());
    embedded.loaded = LoadDefaults(all);
    auto& warnings = embedded.loaded.warnings;
    warnings.insert(warnings.end(), keeper.warnings().begin(), keeper.warnings().end());
  }
  embedded.left_out = LeaveOutUnavailableListeners(embedded.loaded.config, no_certificate);
  return embedded;
}

}  // namespace relay
