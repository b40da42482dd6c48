// What firewall.h declares for printing.

#include <algorithm>
#include <boost/json.hpp>

#include "server/app/firewall.h"

namespace relay {
namespace {

using Rule = FirewallAdvice::Rule;

bool HasWildcard(const FirewallAdvice& advice) {
  return std::ranges::any_of(advice.names, [](const auto& name) { return name.starts_with('*'); });
}

// Whole sentences, for whoever types the rules in.
std::vector<std::string> NotesOn(const FirewallAdvice& advice) {
  std::vector<std::string> notes = {
      "All of it goes out, from the clients. Nothing has to be opened inwards: answers come back "
      "on the flow that a client began, as any stateful firewall lets them.",
      "The UDP range has to be open as a whole. Besides the port that clients talk to, it is where "
      "the others of a call are reached, each at a port of its own."};
  if (HasWildcard(advice)) {
    notes.emplace_back(
        "A wildcard stands for exactly one level: *.turn.example.org covers eu01.turn.example.org, "
        "but neither turn.example.org nor a.eu01.turn.example.org.");
  }
  if (!advice.names.empty() && !advice.addresses.empty()) {
    notes.emplace_back(
        "A firewall that knows names only from HTTPS or its own DNS cannot match UDP by name: it "
        "needs the addresses. They are those of today; the names stay.");
  }
  notes.emplace_back(
      "An HTTP proxy has to let CONNECT through to the TCP port, and must not open the TLS inside: "
      "the calls are not HTTP, and browsers refuse a certificate that is not the server's.");
  return notes;
}

std::string Column(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

void AppendRules(const FirewallAdvice& advice, bool is_needed, std::string& text) {
  for (const Rule& rule : advice.rules) {
    if (rule.is_needed != is_needed) continue;
    text += "  " + Column(std::string(rule.protocol), 5) + Column(PortsOf(rule), 13) +
            rule.purpose + "\n";
  }
}

void AppendList(const std::string& title, const std::vector<std::string>& lines,
                std::string& text) {
  if (lines.empty()) return;
  text += "\n" + title + "\n";
  for (const std::string& line : lines) text += "  " + line + "\n";
}

void AppendTable(const FirewallAdvice& advice, bool is_needed, std::string& text) {
  text += "| Protocol | Destination ports | What for |\n|---|---|---|\n";
  for (const Rule& rule : advice.rules) {
    if (rule.is_needed != is_needed) continue;
    text +=
        "| " + std::string(rule.protocol) + " | " + PortsOf(rule) + " | " + rule.purpose + " |\n";
  }
}

// "eu01.turn.example.org  198.51.100.10, 2001:db8::10"
std::vector<std::string> LinesOf(const std::vector<FirewallAdvice::Node>& nodes) {
  std::size_t width = 0;
  for (const FirewallAdvice::Node& node : nodes) width = std::max(width, node.name.size());
  std::vector<std::string> lines;
  for (const FirewallAdvice::Node& node : nodes) {
    std::string line = Column(node.name, width) + " ";
    for (const std::string& address : node.addresses)
      line += (line.back() == ' ' ? " " : ", ") + address;
    lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
  }
  return lines;
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "`" : ", `") + text + "`";
  return joined;
}

}  // namespace

std::string PortsOf(const Rule& rule) {
  const std::string first = std::to_string(rule.min_port);
  return rule.min_port == rule.max_port ? first : first + "-" + std::to_string(rule.max_port);
}

std::string PrintFirewallText(const FirewallAdvice& advice) {
  std::string text = "Let out, from the clients:\n";
  AppendRules(advice, true, text);
  if (std::ranges::any_of(advice.rules, [](const Rule& rule) { return !rule.is_needed; })) {
    text += "\nMore ways, for networks that can have them:\n";
    AppendRules(advice, false, text);
  }
  AppendList("To these names:", advice.names, text);
  AppendList("To these addresses, where names cannot be used:", advice.addresses, text);
  if (advice.nodes.size() > 1) AppendList("The servers:", LinesOf(advice.nodes), text);
  text += "\n";
  for (const std::string& note : NotesOn(advice)) text += "* " + note + "\n";
  return text;
}

std::string PrintFirewallJson(const FirewallAdvice& advice) {
  boost::json::array nodes;
  for (const FirewallAdvice::Node& node : advice.nodes)
    nodes.push_back({{"name", node.name}, {"addresses", boost::json::value_from(node.addresses)}});
  boost::json::array rules;
  for (const Rule& rule : advice.rules) {
    rules.push_back({{"direction", "out"},
                     {"protocol", rule.protocol},
                     {"min_port", rule.min_port},
                     {"max_port", rule.max_port},
                     {"needed", rule.is_needed},
                     {"purpose", rule.purpose}});
  }
  const boost::json::object whole = {{"names", boost::json::value_from(advice.names)},
                                     {"addresses", boost::json::value_from(advice.addresses)},
                                     {"rules", std::move(rules)},
                                     {"nodes", std::move(nodes)},
                                     {"complete", advice.is_complete},
                                     {"notes", boost::json::value_from(NotesOn(advice))}};
  return boost::json::serialize(whole) + "\n";
}

std::string PrintFirewallDocument(const FirewallAdvice& advice) {
  std::string text =
      "# What a customer's firewall has to let out\n\n"
      "<!-- Made by `senso-turn generate firewall`; do not edit. -->\n\n"
      "This is what the default listeners need, for a server with the name and the addresses of an "
      "example. `senso-turn firewall --config FILE` prints the rules of an actual configuration "
      "and "
      "its fleet, `--format json` the same for programs.\n\n"
      "## Needed\n\n";
  AppendTable(advice, true, text);
  text += "\nTo " + Joined(advice.names) + ", or to the addresses of all servers (here " +
          Joined(advice.addresses) + ").\n\n## More ways, for networks that can have them\n\n";
  AppendTable(advice, false, text);
  text += "\n## Good to know\n\n";
  for (const std::string& note : NotesOn(advice)) text += "* " + note + "\n";
  return text;
}

}  // namespace relay
