#include "server/doctor/netfilter.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>

#include "server/net/listener_socket.h"

namespace relay {
namespace {

constexpr std::size_t kMaxRulesetBytes = 4U << 20;

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// The word after `name`, or empty.
std::string WordAfter(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = Trim(text.substr(at + name.size()));
  return std::string(rest.substr(0, rest.find_first_of(" ;")));
}

struct Range {
  std::uint32_t min = 0;
  std::uint32_t max = 0;
};

std::optional<Range> ParsePorts(std::string_view text) {
  Range range;
  const char* const end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, range.min);
  if (parsed.ec != std::errc()) return std::nullopt;
  range.max = range.min;
  if (parsed.ptr == end) return range;
  if (*parsed.ptr != '-') return std::nullopt;
  parsed = std::from_chars(parsed.ptr + 1, end, range.max);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return range;
}

// Whether the ports that a rule names, "49152-65535" or "{ 3478, 49152-65535 }", meet the range.
bool MeetsPorts(std::string_view after_dport, Range wanted) {
  std::string_view list = after_dport;
  if (list.starts_with('{')) {
    list = list.substr(1, list.find('}') - 1);
  } else {
    list = list.substr(0, list.find(' '));
  }
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const auto range = ParsePorts(Trim(list.substr(0, comma)));
    if (range && range->min <= wanted.max && range->max >= wanted.min) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// Whether a rule is about nothing but UDP, ports and what happens: everything else narrows it.
bool IsUnconditional(std::string_view rule) {
  constexpr std::array<std::string_view, 7> kConditions = {"addr ",  "iif",   "oif", "ct ",
                                                           "limit ", "mark ", "@"};
  return std::ranges::none_of(kConditions, [&](std::string_view condition) {
    return rule.find(condition) != std::string_view::npos;
  });
}

bool EndsIn(std::string_view rule, std::string_view verdict) {
  std::istringstream words{std::string(rule)};
  for (std::string word; words >> word;) {
    if (word == verdict) return true;
  }
  return false;
}

// Whether a rule is for UDP packets to some of the ports, or for packets of any kind.
bool Concerns(std::string_view rule, Range ports) {
  constexpr std::string_view kPort = "dport ";
  if (rule.find("tcp ") != std::string_view::npos || rule.find("icmp") != std::string_view::npos)
    return false;
  const std::size_t at = rule.find(kPort);
  return at == std::string_view::npos || MeetsPorts(Trim(rule.substr(at + kPort.size())), ports);
}

// What a program prints; nullopt: it cannot be run, or fails.
std::optional<std::string> OutputOf(const char* path, std::vector<std::string> arguments) {
  std::array<int, 2> pipe{};
  if (::access(path, X_OK) != 0 || ::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::nullopt;
  const Descriptor reading(pipe[0]);
  Descriptor writing(pipe[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  ::pid_t child = -1;
  const int failed = ::posix_spawn(&child, path, &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return std::nullopt;
  writing = Descriptor();
  std::string output;
  std::array<char, 16384> piece;
  while (true) {
    const ssize_t got = ::read(reading.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (output.size() < kMaxRulesetBytes)
      output.append(piece.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return output;
}

}  // namespace

std::vector<NetfilterChain> ReadRuleset(const std::string& text) {
  std::vector<NetfilterChain> chains;
  std::istringstream lines(text);
  std::string table;
  bool is_in_chain = false;
  NetfilterChain chain;
  for (std::string raw; std::getline(lines, raw);) {
    const std::string_view line = Trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("table ") && line.ends_with('{')) {
      table = Trim(line.substr(6, line.size() - 7));
    } else if (line.starts_with("chain ") && line.ends_with('{')) {
      chain =
          NetfilterChain{table, std::string(Trim(line.substr(6, line.size() - 7))), "", false, {}};
      is_in_chain = true;
    } else if (is_in_chain && line == "}") {
      if (!chain.hook.empty()) chains.push_back(std::exchange(chain, {}));
      is_in_chain = false;
    } else if (is_in_chain && line.starts_with("type ")) {
      chain.hook = WordAfter(line, " hook ");
      chain.drops_by_default =
          WordAfter(line, " policy ") == "drop" || WordAfter(line, ";policy ") == "drop";
    } else if (is_in_chain) {
      chain.rules.emplace_back(line);
    }
  }
  return chains;
}

PortVerdict JudgePorts(const NetfilterChain& chain, std::uint16_t min_port,
                       std::uint16_t max_port) {
  const Range ports{min_port, max_port};
  bool has_further_accepts = false;
  for (const std::string& rule : chain.rules) {
    if (!Concerns(rule, ports)) continue;
    if (!IsUnconditional(rule)) {
      // What is for some may be for all whom it concerns; a state or the loopback is not.
      has_further_accepts |= rule.find("ct state") == std::string::npos &&
                             rule.find("\"lo\"") == std::string::npos && EndsIn(rule, "accept");
      continue;
    }
    if (EndsIn(rule, "drop") || EndsIn(rule, "reject")) return PortVerdict::kDropped;
    if (EndsIn(rule, "accept")) return PortVerdict::kAccepted;
    // Where a jump leads is not followed.
    has_further_accepts |=
        rule.find("jump ") != std::string::npos || rule.find("goto ") != std::string::npos;
  }
  return chain.drops_by_default && !has_further_accepts ? PortVerdict::kByDefault
                                                        : PortVerdict::kNothing;
}

std::optional<std::vector<NetfilterChain>> ReadNetfilter() {
  for (const char* path : {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"}) {
    if (const auto text = OutputOf(path, {"nft", "--numeric", "--stateless", "list", "ruleset"}))
      return ReadRuleset(*text);
  }
  return std::nullopt;
}

}  // namespace relay
