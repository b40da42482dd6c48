#include "server/doctor/round_trips.h"

#include <algorithm>
#include <cstdio>

namespace relay {
namespace {

// A listener on every address answers on the loopback one, which needs no interface to be up.
base::IpAddress ReachedAt(const base::IpAddress& address) {
  if (!address.is_unspecified()) return address;
  return *base::IpAddress::Parse(address.is_v4() ? "127.0.0.1" : "::1");
}

std::string Milliseconds(std::chrono::microseconds time) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f ms", static_cast<double>(time.count()) / 1000);
  return text;
}

}  // namespace

std::vector<ProbeTransport> TransportsOf(Config::ListenerTransport transport) {
  switch (transport) {
    case Config::ListenerTransport::kUdp:
      return {ProbeTransport::kUdp};
    case Config::ListenerTransport::kTcp:
      return {ProbeTransport::kTcp};
    case Config::ListenerTransport::kTls:
      return {ProbeTransport::kTls};
    case Config::ListenerTransport::kDtls:
      return {ProbeTransport::kDtls};
    case Config::ListenerTransport::kEdge:
      break;
  }
  return {ProbeTransport::kTls, ProbeTransport::kWebSocket};
}

std::vector<RoundTripFacts> ProbeListeners(const std::vector<Config::Listener>& listeners,
                                           const std::string& node,
                                           const ProbeCredential& credential,
                                           base::RandomSource& random) {
  std::vector<RoundTripFacts> facts;
  for (const Config::Listener& listener : listeners) {
    for (const ProbeTransport transport : TransportsOf(listener.transport)) {
      const ProbeTarget target{transport, {ReachedAt(listener.address), listener.port}, node};
      facts.push_back({listener, transport, ProbeRelay(target, credential, ProbePlan{}, random)});
    }
  }
  return facts;
}

Finding CheckRoundTrip(const RoundTripFacts& facts) {
  const ProbeReport& report = facts.report;
  std::string name = ToString(facts.listener);
  if (facts.listener.transport == Config::ListenerTransport::kEdge)
    name += " (" + std::string(ToString(facts.transport)) + ")";
  if (!report.failure.empty()) {
    return Problem("relaying", "through " + name + " nothing is relayed: " + report.failure,
                   "see what else is found here, and the log of the server");
  }
  const std::string count =
      std::to_string(report.round_trips.size()) + " of " + std::to_string(report.sent);
  if (!report.is_whole()) {
    return Problem("relaying", "through " + name + " only " + count + " packets come back",
                   "see dropped_packets_total and socket_receive_drops_total of the server");
  }
  return Fine("relaying", "through " + name + " " + count + " packets come back, in " +
                              Milliseconds(*std::ranges::min_element(report.round_trips)));
}

}  // namespace relay
