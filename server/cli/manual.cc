#include "server/cli/manual.h"

#include <string_view>

namespace relay {
namespace {

constexpr std::string_view kHead = R"(.\" Made by `senso-turn generate manual`; do not edit.
.TH SENSO-TURN 8 "" "senso-turn )" SENSO_TURN_VERSION R"(" "System administration"
.SH NAME
senso-turn \- STUN and TURN relay server
.SH SYNOPSIS
.B senso-turn
.I COMMAND
.RI [ OPTION " ...]"
.SH DESCRIPTION
.B senso-turn
relays calls of browsers and other clients that cannot reach each other directly (RFC 8489, RFC 8656).
As a service it is started by
.BR "systemctl start senso-turn" ,
with the configuration
.IR /etc/senso-turn/senso-turn.yaml .
.SH COMMANDS
)";

constexpr std::string_view kTail = R"(.SH EXIT STATUS
0: done. 1: what was asked failed. 2: wrong usage or configuration.
.SH SIGNALS
SIGTERM drains: no new allocations, calls go on until
.IR drain.deadline .
A second one, or SIGINT, ends at once. SIGHUP reloads.
.SH FILES
.TP
.I /etc/senso-turn/senso-turn.yaml
The configuration; every key is explained in
.IR /usr/share/doc/senso-turn/configuration.md .
.TP
.I /etc/senso-turn/shared_secret
The secret that applications share with the server, made when the package was installed.
.TP
.I /run/senso-turn/admin.sock
Where the commands about a running server reach it.
)";

// Text as roff takes it literally: hyphens as they are typed, and no line that begins as a request.
std::string Literal(std::string_view text) {
  std::string out;
  for (const char each : text) {
    const bool is_at_start = out.empty() || out.back() == '\n';
    if (is_at_start && (each == '.' || each == '\'')) out += "\\&";
    if (each == '\\') {
      out += "\\e";
    } else if (each == '-') {
      out += "\\-";
    } else {
      out += each;
    }
  }
  return out;
}

std::string Bold(std::string_view text) { return "\\fB" + Literal(text) + "\\fR"; }
std::string Italic(std::string_view text) { return "\\fI" + Literal(text) + "\\fR"; }

std::string OptionText(const CommandOption& option) {
  std::string names;
  for (const std::string& name : option.short_names) names += ", " + Bold("-" + name);
  for (const std::string& name : option.long_names) names += ", " + Bold("--" + name);
  std::string title = names.empty() ? "" : names.substr(2);
  if (!option.value_name.empty()) title += (title.empty() ? "" : " ") + Italic(option.value_name);
  std::string text = ".TP\n" + title + "\n" + Literal(option.description);
  if (option.kind == ValueKind::kChoice &&
      option.description.find(option.choices[0]) == std::string::npos) {
    text += ":";
    for (const std::string& choice : option.choices) text += " " + Literal(choice);
  }
  if (!option.default_value.empty()) text += " (default: " + Literal(option.default_value) + ")";
  return text + ".\n";
}

// A footer's examples stay as they are.
std::string FooterText(std::string_view footer) {
  while (footer.starts_with('\n')) footer.remove_prefix(1);
  return footer.empty() ? "" : ".PP\n.nf\n" + Literal(footer) + "\n.fi\n";
}

std::string CommandText(const CommandNode& command) {
  std::string text = ".SS \"" + Literal(command.name);
  for (const CommandOption& option : command.options) {
    if (option.is_positional()) text += " " + Literal(option.value_name);
  }
  text += "\"\n" + Literal(command.description) + ".\n";
  for (const CommandOption& option : command.options) text += OptionText(option);
  return text + FooterText(command.footer);
}

}  // namespace

std::string Manual(const CommandNode& program) {
  std::string text(kHead);
  for (const CommandNode& command : program.commands) text += CommandText(command);
  return text + std::string(kTail);
}

}  // namespace relay
