#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/cli/admin.h"
#include "server/cli/commands.h"

namespace relay {
namespace {

using Lines = std::vector<std::string_view>;
using Cells = std::vector<std::string>;

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// How many columns of a terminal it takes: its characters, each taken for one wide.
std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char octet) { return (static_cast<unsigned char>(octet) & 0xc0U) != 0x80U; }));
}

std::string Aligned(const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string out;
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - WidthOf(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string InTheManner(const std::string& format, const std::vector<std::string>& lines) {
  if (format != "json") {
    std::vector<Cells> rows;
    for (const std::string& line : lines) {
      const auto cells = Split(line, '\t');
      rows.emplace_back(cells.begin(), cells.end());
    }
    return Aligned(rows);
  }
  std::string out = "{\"sessions\":[";
  for (std::size_t i = 0; i < lines.size(); ++i) out += (i == 0 ? "\n" : ",\n") + lines[i];
  return out + "\n]}\n";
}

// All pages, one after another; nullopt: one could not be had, about which there were complaints.
std::optional<std::vector<std::string>> AskPages(const std::string& socket,
                                                 const SessionsOptions& options) {
  const std::string user = options.user ? " user " + *options.user : "";
  std::vector<std::string> all;
  std::string after = "0";
  while (true) {
    std::string request = "sessions ";
    request += options.format;
    request += " after ";
    request += after;
    request += user;
    const auto page = AskServer(socket, request);
    if (!page) return std::nullopt;
    const std::vector<std::string_view> lines = Split(*page, '\n');
    // Titles are on every page.
    const std::size_t skipped = options.format == "text" && !all.empty() ? 1 : 0;
    for (std::size_t i = skipped; i + 1 < lines.size(); ++i) all.emplace_back(lines[i]);
    constexpr std::string_view kNext = "next ";
    if (lines.back() == "end") return all;
    if (!lines.back().starts_with(kNext)) {
      Complain(kExitFailed, "the server ended in the middle of its answer");
      return std::nullopt;
    }
    after = std::string(lines.back().substr(kNext.size()));
  }
}

}  // namespace

int RunSessions(const SessionsOptions& options) {
  if (options.user && (options.user->empty() || options.user->find('\n') != std::string::npos))
    return Complain(kExitUsage, "--user takes a name without line breaks");
  const auto socket = FindAdminSocket(options.admin);
  if (!socket) return kExitFailed;
  const auto lines = AskPages(*socket, options);
  if (!lines) return kExitFailed;
  std::cout << InTheManner(options.format, *lines) << std::flush;
  return kExitDone;
}

int RunDisconnect(const DisconnectOptions& options) {
  std::uint64_t id = 0;
  const char* const end = options.id.data() + options.id.size();
  if (const auto parsed = std::from_chars(options.id.data(), end, id);
      parsed.ec != std::errc() || parsed.ptr != end) {
    return Complain(kExitUsage, "'" + options.id +
                                    "' is not the id of an allocation, which is a number; "
                                    "`senso-turn sessions` prints them");
  }
  const auto socket = FindAdminSocket(options.admin);
  if (!socket) return kExitFailed;
  const auto answer = AskServer(*socket, "disconnect " + std::to_string(id));
  if (!answer) return kExitFailed;
  std::cout << *answer << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
