#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "server/control/reloader.h"
#include "server/http/line_server.h"

namespace relay {

// What an administrator can ask over the admin socket: one line, whose first word is the command,
// and one answer. An answer that begins with "error: " says that the command failed.
class AdminRoutes {
 public:
  // `arguments` is the rest of the line without the blanks around it.
  using Command = std::function<std::string(std::string_view arguments)>;
  // The same, with an answer that may come later or in parts.
  using LaterCommand = std::function<void(std::string_view arguments, const LineReply& reply)>;

  void Add(std::string name, Command command);
  void AddLater(std::string name, LaterCommand command);
  // Answers with the command, or with an error that names those that there are.
  void Answer(std::string_view line, const LineReply& reply) const;

 private:
  std::map<std::string, LaterCommand, std::less<>> commands_;
};

// What a reload came to: a line for it, and one for each error or warning.
std::string AnswerReload(const Reloader::Report& report);

// An answer that says that the command failed.
std::string AdminError(std::string_view what);

}  // namespace relay
