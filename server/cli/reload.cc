#include <chrono>
#include <iostream>
#include <string_view>

#include "server/cli/admin.h"
#include "server/cli/commands.h"
#include "server/http/line_client.h"

namespace relay {
namespace {

constexpr std::string_view kError = "error: ";
constexpr std::chrono::seconds kPatience{60};  // many users take a while

// Whether the socket's place cannot be known: nothing can be read, or it is the wrong thing. All
// other errors are for the server to find, whose environment may not be ours.
bool HidesSocket(const Diagnostic& error) {
  return error.key.empty() || error.key.starts_with("admin");
}

}  // namespace

int RunReload(const AdminOptions& options) {
  const auto socket = FindAdminSocket(options, HidesSocket);
  if (!socket) {
    return Complain(kExitFailed,
                    "the admin socket is not known, so no server was asked; --socket "
                    "names it");
  }
  const auto answer = AskLine(*socket, "reload", kPatience);
  if (!answer.ok()) {
    return Complain(kExitFailed, "no running server is reached over '" + *socket +
                                     "': " + answer.error().message);
  }
  std::string text = answer.value();
  if (text.empty()) return Complain(kExitFailed, "the server ended without an answer");
  while (text.ends_with('\n')) text.pop_back();
  if (text.starts_with(kError)) return Complain(kExitFailed, text.substr(kError.size()));
  std::cout << text << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
