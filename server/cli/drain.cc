#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

#include "server/cli/admin.h"
#include "server/cli/commands.h"
#include "server/config/units.h"
#include "server/http/line_client.h"

namespace relay {
namespace {

// Long: it says something every ten seconds.
constexpr std::chrono::seconds kSilence{60};

// Prints what the server tells until it has ended.
int Follow(const std::string& socket, const std::string& line) {
  std::string last;
  const auto followed = FollowLines(socket, line, kSilence, [&last](std::string_view told) {
    last = std::string(told);
    if (!ErrorIn(told)) std::cout << told << '\n' << std::flush;
  });
  if (const auto error = ErrorIn(last)) return Complain(kExitFailed, std::string(*error));
  if (last.starts_with("drained")) return kExitDone;
  if (last.starts_with("stopped"))
    return Complain(kExitFailed, "the server was stopped before the drain was over");
  if (!followed.ok() && last.empty()) return ComplainUnreached(socket, followed.error());
  return Complain(kExitFailed, followed.ok()
                                   ? "the server ended without a word before the drain was over"
                                   : followed.error().message);
}

}  // namespace

int RunDrain(const DrainOptions& options) {
  std::string line = "drain";
  if (options.deadline) {
    const auto deadline = ParseDuration(*options.deadline);
    if (!deadline) {
      return Complain(kExitUsage, "'" + *options.deadline +
                                      "' is not a duration; accepted: such as 90s, 10m, 1h or 7d");
    }
    line += " " + std::to_string(deadline->count());
  }
  const auto socket = FindAdminSocket(options.admin);
  if (!socket) return kExitFailed;
  if (options.is_waiting) return Follow(*socket, line + " watch");
  const auto answer = AskServer(*socket, line);
  if (!answer) return kExitFailed;
  std::cout << *answer << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
