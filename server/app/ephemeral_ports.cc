#include "server/app/ephemeral_ports.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <vector>

namespace relay {
namespace {

// Two port numbers with `separator` in between, or one that stands for both.
std::optional<PortRange> ParseRange(std::string_view text, std::string_view separator) {
  PortRange range;
  const char* const end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, range.min);
  if (parsed.ec != std::errc{}) return std::nullopt;
  range.max = range.min;
  std::string_view rest(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  const std::size_t number = std::min(rest.find_first_not_of(separator), rest.size());
  if (number < rest.size()) {
    parsed = std::from_chars(rest.data() + number, end, range.max);
    if (number == 0 || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  }
  if (range.min > range.max) return std::nullopt;
  return range;
}

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

std::string ReadFirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::optional<PortRange> FindUnreservedOverlap(PortRange relay, std::string_view local_range,
                                               std::string_view reserved) {
  const auto local = ParseRange(TrimEnd(local_range), " \t");
  if (!local) return std::nullopt;
  std::vector<PortRange> reserved_ranges;
  for (std::string_view rest = TrimEnd(reserved); !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    if (const auto range = ParseRange(rest.substr(0, end), "-")) reserved_ranges.push_back(*range);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto is_exposed = [&](std::uint32_t port) {
    return std::ranges::none_of(reserved_ranges, [&](const PortRange& range) {
      return port >= range.min && port <= range.max;
    });
  };
  const std::uint32_t first = std::max(relay.min, local->min);
  const std::uint32_t last = std::min(relay.max, local->max);
  for (std::uint32_t port = first; port <= last; ++port) {
    if (!is_exposed(port)) continue;
    std::uint32_t end = port;
    while (end < last && is_exposed(end + 1)) ++end;
    return PortRange{static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(end)};
  }
  return std::nullopt;
}

std::optional<PortRange> ReadUnreservedOverlap(PortRange relay) {
  return FindUnreservedOverlap(relay, ReadFirstLine("/proc/sys/net/ipv4/ip_local_port_range"),
                               ReadFirstLine("/proc/sys/net/ipv4/ip_local_reserved_ports"));
}

}  // namespace relay
