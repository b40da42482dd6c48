#include "server/doctor/firewall_checks.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "server/datapath/userspace/socket_address.h"
#include "server/net/listener_socket.h"

namespace relay {
namespace {

constexpr std::array<std::uint8_t, 4> kPayload = {'p', 'i', 'n', 'g'};
constexpr int kPatienceMilliseconds = 500;
constexpr std::uint32_t kAttempts = 64;

base::IpAddress LoopbackOf(const base::IpAddress& address) {
  return *base::IpAddress::Parse(address.is_v4() ? "127.0.0.1" : "::1");
}

// Whether a datagram from `source` comes in at the socket, which is bound to `to`.
bool Arrives(int receiver, const base::IpAddress& source, const base::Endpoint& to) {
  const int family = to.address.is_v4() ? AF_INET : AF_INET6;
  const Descriptor sender(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress from = ToSocketAddress({source, 0}, family);
  const SocketAddress target = ToSocketAddress(to, family);
  if (sender.get() < 0 || ::bind(sender.get(), &from.generic, from.length) != 0) return false;
  const ssize_t sent = ::sendto(sender.get(), kPayload.data(), kPayload.size(), MSG_NOSIGNAL,
                                &target.generic, target.length);
  pollfd wanted{.fd = receiver, .events = POLLIN, .revents = 0};
  return sent > 0 && ::poll(&wanted, 1, kPatienceMilliseconds) > 0;
}

std::string RangeOf(const Config& config) {
  return std::to_string(config.relay.min_port) + "-" + std::to_string(config.relay.max_port);
}

}  // namespace

RelayPortFacts TryRelayPort(const base::IpAddress& address, const Config& config) {
  RelayPortFacts facts;
  facts.address = address;
  // From the end: the first ports are those of listeners, perhaps.
  const std::uint32_t count = std::uint32_t{config.relay.max_port} - config.relay.min_port + 1;
  for (std::uint32_t i = 0; i < std::min(count, kAttempts); ++i) {
    facts.port = static_cast<std::uint16_t>(config.relay.max_port - i);
    const OpenRelayResult opened = OpenRelaySocket({address, facts.port});
    if (opened.error != 0) {
      facts.untried = std::strerror(opened.error);
      if (opened.error == EADDRINUSE) continue;
      return facts;
    }
    facts.untried.clear();
    const base::Endpoint to{address, facts.port};
    facts.has_arrived = Arrives(opened.descriptor.get(), LoopbackOf(address), to) ||
                        Arrives(opened.descriptor.get(), address, to);
    return facts;
  }
  return facts;
}

Findings CheckFirewall(const std::vector<RelayPortFacts>& facts,
                       const std::optional<std::vector<NetfilterChain>>& chains,
                       const Config& config) {
  const std::string remedy = "let UDP to the ports " + RangeOf(config) +
                             " in: `senso-turn firewall` prints the rules for clients, and the "
                             "host needs the same (nft: udp dport " +
                             RangeOf(config) + " accept)";
  Findings findings;
  for (const RelayPortFacts& one : facts) {
    if (!one.untried.empty()) {
      findings.push_back(
          Warning("firewall",
                  "no relay port of " + one.address.ToString() + " could be tried: " + one.untried,
                  "correct relay.addresses and relay.ports"));
    } else if (!one.has_arrived) {
      findings.push_back(Problem("firewall",
                                 "a packet to the relay port " +
                                     base::Endpoint{one.address, one.port}.ToString() +
                                     " does not arrive, not even from this host",
                                 remedy));
    } else {
      findings.push_back(Fine(
          "firewall", "packets from this host reach the relay ports of " + one.address.ToString()));
    }
  }
  if (!chains) {
    findings.push_back(
        Fine("firewall", "the rules of netfilter cannot be read here (no nft, or no right to)"));
    return findings;
  }
  for (const NetfilterChain& chain : *chains) {
    if (chain.hook != "input" && chain.hook != "prerouting") continue;
    const PortVerdict verdict = JudgePorts(chain, config.relay.min_port, config.relay.max_port);
    const std::string name = "the chain " + chain.name + " of the table " + chain.table;
    if (verdict == PortVerdict::kDropped)
      findings.push_back(Problem("firewall", name + " drops packets to relay ports", remedy));
    if (verdict == PortVerdict::kByDefault) {
      findings.push_back(Problem(
          "firewall", name + " drops what no rule accepts, and none accepts UDP to relay ports",
          remedy));
    }
  }
  return findings;
}

}  // namespace relay
