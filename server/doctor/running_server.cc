#include "server/doctor/running_server.h"

#include <sys/socket.h>

#include <chrono>

#include "auth/credential_issuer.h"
#include "protocol/base/time.h"
#include "server/http/line_client.h"
#include "server/http/listening_socket.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kPatience{2000};
constexpr std::chrono::minutes kValidFor{10};
constexpr const char* kSubject = "senso-turn-doctor";

}  // namespace

std::optional<RunningServer> FindRunningServer(const std::vector<std::string>& sockets) {
  for (const std::string& path : sockets) {
    if (!AskLine(path, "status", kPatience).ok()) continue;
    const auto connection = ConnectUnix(path);
    ::ucred peer{};
    socklen_t length = sizeof(peer);
    if (connection.ok() &&
        ::getsockopt(connection.value().number(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
      return RunningServer{peer.pid, path};
  }
  return std::nullopt;
}

std::optional<ProbeCredential> CredentialOf(const Config& config) {
  if (!config.auth.shared_secrets.empty()) {
    const auto issued = auth::CredentialIssuer(config.auth.shared_secrets.front())
                            .Issue(kSubject, kValidFor, base::ReadClocks().wall);
    if (issued.ok()) return ProbeCredential{issued.value().username, issued.value().password};
  }
  for (const auth::StaticUser& user : config.auth.users) {
    if (user.md5_key) return ProbeCredential{user.username, "", user.md5_key};
  }
  return std::nullopt;
}

}  // namespace relay
