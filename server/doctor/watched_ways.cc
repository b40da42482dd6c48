#include "server/doctor/watched_ways.h"

#include <algorithm>
#include <optional>

#include "server/doctor/round_trips.h"
#include "server/probe/name_lookup.h"

namespace relay {
namespace {

constexpr std::uint16_t kTurnPort = 3478;  // RFC 8656 section 4
constexpr std::uint16_t kTurnsPort = 5349;

bool IsWay(std::string_view text) {
  return text.starts_with("turn:") || text.starts_with("turns:");
}

std::optional<WatchedWay> ParseWay(std::string_view text) {
  const bool is_secure = text.starts_with("turns:");
  text.remove_prefix(text.find(':') + 1);
  constexpr std::string_view kQuery = "?transport=";
  // Section 3.1 of RFC 7065 leaves it open; browsers take UDP for turn: and TCP for turns:.
  std::string_view transport = is_secure ? "tcp" : "udp";
  if (const std::size_t query = text.find('?'); query != std::string_view::npos) {
    if (!text.substr(query).starts_with(kQuery)) return std::nullopt;
    transport = text.substr(query + kQuery.size());
    text = text.substr(0, query);
  }
  if (transport != "udp" && transport != "tcp") return std::nullopt;
  const auto host = ParseHostPort(text, is_secure ? kTurnsPort : kTurnPort);
  if (!host || host->host.empty() || host->port == 0) return std::nullopt;
  const bool is_udp = transport == "udp";
  const ProbeTransport clear = is_udp ? ProbeTransport::kUdp : ProbeTransport::kTcp;
  const ProbeTransport secure = is_udp ? ProbeTransport::kDtls : ProbeTransport::kTls;
  return WatchedWay{host->host, host->port, is_secure ? secure : clear};
}

// By the listeners, the first of each transport. Those behind a proxy take only what it sends.
std::vector<WatchedWay> WaysByListeners(const std::string& host,
                                        const std::vector<Config::Listener>& listeners) {
  std::vector<WatchedWay> ways;
  for (const Config::Listener& listener : listeners) {
    if (listener.trusted_proxies) continue;
    for (const ProbeTransport transport : TransportsOf(listener.transport)) {
      const bool is_there =
          std::ranges::find(ways, transport, &WatchedWay::transport) != ways.end();
      if (!is_there) ways.push_back({host, listener.port, transport});
    }
  }
  return ways;
}

base::Result<std::vector<WatchedWay>> WaysToOne(const std::string& node,
                                                const std::vector<Config::Listener>& listeners) {
  if (IsWay(node)) {
    const auto way = ParseWay(node);
    if (way) return std::vector<WatchedWay>{*way};
    return base::Error{"'" + node +
                       "' is not understood; accepted: such as turn:host:3478?transport=udp or "
                       "turns:host:443?transport=tcp"};
  }
  // A port would have to be that of every transport.
  const auto host = ParseHostPort(node, 0);
  if (!host || host->host.empty() || host->port != 0) {
    return base::Error{"'" + node +
                       "' is neither a host nor an address; with a port it is, for example, "
                       "turn:host:3478?transport=udp"};
  }
  auto ways = WaysByListeners(host->host, listeners);
  if (ways.empty())
    return base::Error{"the configuration has no listener to reach " + node + " by"};
  return ways;
}

}  // namespace

base::Result<std::vector<WatchedWay>> WaysTo(const std::vector<std::string>& nodes,
                                             const std::vector<Config::Listener>& listeners) {
  std::vector<WatchedWay> all;
  for (const std::string& node : nodes) {
    auto ways = WaysToOne(node, listeners);
    if (!ways.ok()) return ways.error();
    for (const WatchedWay& way : ways.value()) {
      const bool is_twice = std::ranges::any_of(all, [&](const WatchedWay& other) {
        return other.node == way.node && other.transport == way.transport;
      });
      if (is_twice) {
        return base::Error{"there would be two ways to " + way.node + " by " +
                           std::string(ToString(way.transport)) +
                           ", which have the same labels: give one of them another name"};
      }
      all.push_back(way);
    }
  }
  return all;
}

}  // namespace relay
