#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>

#include "server/config/fields.h"
#include "server/config/validate.h"
#include "server/tls/certificate.h"
#include "server/tls/ticket_keys.h"
#include "server/tls/tls_context.h"

namespace relay {
namespace {

using fields::Quoted;

constexpr std::chrono::days kSoon{14};

void WarnOfReaders(Draft& draft, const std::string& key, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) return;
  draft.AddWarning(key, "every user of this host can read " + Quoted(path) +
                            "; chmod 600 (in Kubernetes: defaultMode 0440)");
}

void WarnOfExpiry(Draft& draft, const std::string& key, const Certificate& certificate,
                  base::WallTime now) {
  const auto left = certificate.not_after() - now;
  if (left <= std::chrono::seconds(0)) {
    draft.AddWarning(key, Quoted(certificate.path()) +
                              " has expired: clients will refuse the connection; replace the file");
  } else if (left <= kSoon) {
    const auto days = std::chrono::floor<std::chrono::days>(left).count();
    draft.AddWarning(key, Quoted(certificate.path()) + " expires in " +
                              (days < 1    ? "less than a day"
                               : days == 1 ? "1 day"
                                           : std::to_string(days) + " days"));
  }
}

// What is wrong with a pair begins with the file that it is about. Only the first thing is found,
// so the key's file is looked for as well.
void AddLoadError(Draft& draft, const std::string& item, const Config::Certificate& pair,
                  const std::string& message) {
  const bool is_about_key = pair.private_key_path != pair.certificate_path &&
                            message.starts_with("'" + pair.private_key_path + "'");
  draft.AddError(item + (is_about_key ? ".private_key" : ".certificate"), message);
  if (is_about_key || ::access(pair.private_key_path.c_str(), R_OK) == 0) return;
  draft.AddError(item + ".private_key",
                 "'" + pair.private_key_path + "' cannot be read: " + std::strerror(errno));
}

// The certificate, if the pair is good for anything.
std::optional<Certificate> CheckPair(Draft& draft, const std::string& item,
                                     const Config::Certificate& pair, base::WallTime now) {
  auto loaded = Certificate::Load(pair.certificate_path, pair.private_key_path);
  if (!loaded.ok()) {
    AddLoadError(draft, item, pair, loaded.error().message);
    return std::nullopt;
  }
  // What can be read may still be refused, a key that is too short for example.
  const auto usable = TlsContext::Create({loaded.value()}, TicketKeys{});
  if (!usable.ok()) {
    AddLoadError(draft, item, pair, usable.error().message);
    return std::nullopt;
  }
  WarnOfReaders(draft, item + ".private_key", pair.private_key_path);
  WarnOfExpiry(draft, item + ".certificate", loaded.value(), now);
  return std::move(loaded).value();
}

}  // namespace

void CheckCertificates(Draft& draft, base::WallTime now) {
  auto& pairs = draft.config.tls.certificates;
  if (draft.HasError("tls")) return;
  std::map<std::string, std::string> seen;
  bool has_node = draft.config.node.empty();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::string item = "tls.certificates[" + std::to_string(i) + "]";
    for (std::string* path : {&pairs[i].certificate_path, &pairs[i].private_key_path}) {
      *path = (std::filesystem::path(draft.directory) / *path).string();
    }
    const auto [first, is_new] = seen.try_emplace(pairs[i].certificate_path, item);
    if (!is_new) {
      draft.AddError(item + ".certificate", "is also the certificate of " + first->second);
      continue;
    }
    const auto certificate = CheckPair(draft, item, pairs[i], now);
    has_node = has_node || (certificate && certificate->Matches(draft.config.node));
  }
  if (!pairs.empty() && !has_node && !draft.HasError("tls") && !draft.HasError("node")) {
    draft.AddWarning("tls.certificates", "none is for node (" + Quoted(draft.config.node) +
                                             "): clients that connect to it by TLS will refuse");
  }
}

}  // namespace relay
