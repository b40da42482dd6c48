#include "server/cli/admin.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "server/app/admin_socket.h"
#include "server/http/line_client.h"

namespace relay {
namespace {

bool IsThere(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// Where a server of this configuration would listen; one that is there comes before those that are
// not.
std::string FindSocket(const Config& config, bool is_embedded_default) {
  if (!is_embedded_default) return config.admin.socket;
  for (const std::string& candidate : AdminSocketCandidates(config.admin.socket)) {
    if (IsThere(candidate)) return candidate;
  }
  return config.admin.socket;
}

// Whether the socket's place cannot be known: nothing can be read, or it is the wrong thing.
bool HidesSocket(const Diagnostic& error) {
  return error.key.empty() || error.key.starts_with("admin");
}

}  // namespace

std::optional<std::string> FindAdminSocket(
    const AdminOptions& options, const std::function<bool(const Diagnostic& error)>& matters) {
  if (options.socket) return options.socket;
  const ConfigSource& source = options.source;
  LoadedConfig loaded =
      source.file ? LoadConfigFile(*source.file, source.overrides)
                  : LoadConfigText("", "", source.overrides, {}, CertificateNeed::kIsMadeIfMissing);
  std::erase_if(loaded.errors, [&](const Diagnostic& error) { return !matters(error); });
  for (const Diagnostic& error : loaded.errors) Complain(kExitUsage, error.ToString());
  if (!loaded.ok()) return std::nullopt;
  return FindSocket(loaded.config, !source.file);
}

std::optional<std::string> FindAdminSocket(const AdminOptions& options) {
  auto socket = FindAdminSocket(options, HidesSocket);
  if (!socket) {
    Complain(kExitFailed,
             "the admin socket is not known, so no server was asked; --socket names it");
  }
  return socket;
}

int ComplainUnreached(const std::string& socket, const base::Error& error) {
  std::string message = "no running server is reached over '" + socket + "': " + error.message;
  if (access(socket.c_str(), W_OK) != 0 && errno == EACCES)
    message += "; it is for the server's own user and group, and for root";
  return Complain(kExitFailed, message);
}

std::optional<std::string> AskServer(const std::string& socket, std::string_view line,
                                     std::chrono::milliseconds patience) {
  const auto answer = AskLine(socket, line, patience);
  if (!answer.ok()) {
    ComplainUnreached(socket, answer.error());
    return std::nullopt;
  }
  std::string text = answer.value();
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) {
    Complain(kExitFailed, "the server ended without an answer");
    return std::nullopt;
  }
  if (const auto error = ErrorIn(text)) {
    Complain(kExitFailed, std::string(*error));
    return std::nullopt;
  }
  return text;
}

std::optional<std::string_view> ErrorIn(std::string_view answer) {
  constexpr std::string_view kError = "error: ";
  if (!answer.starts_with(kError)) return std::nullopt;
  return answer.substr(kError.size());
}

}  // namespace relay
