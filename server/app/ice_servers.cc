#include "server/app/ice_servers.h"

#include <algorithm>
#include <boost/json.hpp>
#include <exception>
#include <optional>

#include "auth/credential_issuer.h"

namespace relay {
namespace {

constexpr std::uint16_t kFirstOpenPort = 49152;  // of the range that client firewalls allow

struct Target {
  std::string host;
  bool is_v4 = false;
  bool is_udp = false;
  std::uint16_t port = 0;

  int rank() const {
    if (!is_udp) return 2;
    return port >= kFirstOpenPort ? 0 : 1;
  }
};

std::string HostText(const base::IpAddress& address) {
  return address.is_v4() ? address.ToString() : "[" + address.ToString() + "]";
}

std::optional<base::IpAddress> HostAddress(const Config::Listener& listener,
                                           const std::vector<turn::RelayAddress>& relay_addresses) {
  const bool is_everywhere = listener.address.is_unspecified();
  for (const turn::RelayAddress& relay : relay_addresses) {
    const bool is_same_family = relay.internal.family() == listener.address.family();
    if (is_everywhere ? is_same_family : relay.internal == listener.address) return relay.external;
  }
  if (is_everywhere) return std::nullopt;
  return listener.address;
}

std::string NodeText(const std::string& node) {
  const auto address = base::IpAddress::Parse(node);
  return address ? HostText(*address) : node;
}

// In the order in which clients should try them, each once.
std::vector<Target> MakeTargets(const std::vector<Config::Listener>& listeners,
                                const std::string& node,
                                const std::vector<turn::RelayAddress>& relay_addresses) {
  std::vector<Target> targets;
  for (const Config::Listener& listener : listeners) {
    const bool is_udp = listener.transport == Config::ListenerTransport::kUdp;
    if (!is_udp && listener.transport != Config::ListenerTransport::kTcp) continue;
    Target target{NodeText(node), listener.address.is_v4(), is_udp, listener.port};
    if (node.empty()) {
      const auto address = HostAddress(listener, relay_addresses);
      if (!address) continue;
      target.host = HostText(*address);
    }
    const bool is_known = std::ranges::any_of(targets, [&](const Target& other) {
      return other.host == target.host && other.is_udp == is_udp && other.port == target.port;
    });
    if (!is_known) targets.push_back(std::move(target));
  }
  if (std::ranges::any_of(targets, &Target::is_v4) && node.empty()) {
    std::erase_if(targets, [](const Target& target) { return !target.is_v4; });
  }
  std::ranges::stable_sort(targets, {}, &Target::rank);
  return targets;
}

boost::json::array ToArray(const std::vector<std::string>& texts) {
  boost::json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace

IceUrls MakeIceUrls(const std::vector<Config::Listener>& listeners, const std::string& node,
                    const std::vector<turn::RelayAddress>& relay_addresses) {
  IceUrls urls;
  for (const Target& target : MakeTargets(listeners, node, relay_addresses)) {
    const std::string address = target.host + ":" + std::to_string(target.port);
    if (target.is_udp && urls.stun.empty()) urls.stun.push_back("stun:" + address);
    urls.turn.push_back("turn:" + address + "?transport=" + (target.is_udp ? "udp" : "tcp"));
  }
  return urls;
}

base::Result<std::string> MakeIceServersJson(const Config& config, const IceUrls& urls,
                                             std::string_view subject, std::chrono::seconds ttl,
                                             base::WallTime now) {
  if (config.auth.shared_secrets.empty()) {
    return base::Error{
        "there is no shared secret to make credentials from; users of auth.users have their own "
        "names and passwords"};
  }
  if (urls.turn.empty()) {
    return base::Error{"no listener has an address that could be named; set node"};
  }
  const auth::CredentialIssuer issuer(config.auth.shared_secrets.front());
  const auto issued = issuer.Issue(subject, ttl, now);
  if (!issued.ok()) return issued.error();
  try {
    namespace json = boost::json;
    std::string text = "{\"iceServers\": [\n";
    if (!urls.stun.empty()) {
      text += "  {\"urls\": " + json::serialize(ToArray(urls.stun)) + "},\n";
    }
    text += "  {\"urls\": " + json::serialize(ToArray(urls.turn)) + ",\n";
    text += "   \"username\": " + json::serialize(json::value(issued.value().username)) + ",\n";
    text += "   \"credential\": " + json::serialize(json::value(issued.value().password)) + "}\n]}";
    return text;
  } catch (const std::exception& error) {
    return base::Error{std::string("cannot write JSON: ") + error.what()};
  }
}

}  // namespace relay
