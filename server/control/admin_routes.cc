#include "server/control/admin_routes.h"

#include <utility>

#include "server/log/log_text.h"

namespace relay {
namespace {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

std::string AdminError(std::string_view what) { return "error: " + std::string(what) + "\n"; }

std::string AnswerReload(const Reloader::Report& report) {
  std::string answer = report.is_success ? report.summary + "\n" : AdminError(report.summary);
  for (const std::string& detail : report.details) answer += detail + "\n";
  return answer;
}

void AdminRoutes::Add(std::string name, Command command) {
  AddLater(std::move(name),
           [command = std::move(command)](std::string_view arguments, const LineReply& reply) {
             reply.Finish(command(arguments));
           });
}

void AdminRoutes::AddLater(std::string name, LaterCommand command) {
  commands_.insert_or_assign(std::move(name), std::move(command));
}

void AdminRoutes::Answer(std::string_view line, const LineReply& reply) const {
  const std::string_view trimmed = Trim(line);
  const std::string_view name = trimmed.substr(0, trimmed.find_first_of(" \t"));
  if (const auto found = commands_.find(name); found != commands_.end()) {
    return found->second(Trim(trimmed.substr(name.size())), reply);
  }
  std::string what = "unknown command ";
  AppendLogText(what, name, 64);
  what += "; there are:";
  for (const auto& [known, command] : commands_) what += " " + known;
  reply.Finish(AdminError(what));
}

}  // namespace relay
