#include "server/app/ice_servers.h"

#include <algorithm>
#include <boost/json.hpp>
#include <exception>
#include <optional>

#include "auth/credential_issuer.h"
#include "server/app/open_ports.h"

namespace relay {
namespace {

enum class Scheme : std::uint8_t { kUdp, kTcp, kTls };

struct Target {
  std::string host;
  bool is_v4 = false;
  Scheme scheme = Scheme::kUdp;
  std::uint16_t port = 0;

  bool is_open_udp() const { return scheme == Scheme::kUdp && port >= kFirstOpenPort; }
  std::string Url() const {
    const std::string address = host + ":" + std::to_string(port);
    switch (scheme) {
      case Scheme::kUdp:
        return "turn:" + address + "?transport=udp";
      case Scheme::kTcp:
        return "turn:" + address + "?transport=tcp";
      case Scheme::kTls:
        break;
    }
    return "turns:" + address + "?transport=tcp";
  }
};

// nullopt: it has no URL.
std::optional<Scheme> SchemeOf(Config::ListenerTransport transport) {
  switch (transport) {
    case Config::ListenerTransport::kUdp:
      return Scheme::kUdp;
    case Config::ListenerTransport::kTcp:
      return Scheme::kTcp;
    case Config::ListenerTransport::kTls:
    case Config::ListenerTransport::kEdge:
      return Scheme::kTls;
    case Config::ListenerTransport::kDtls:
      break;
  }
  return std::nullopt;
}

void SortByPreference(std::vector<Target>& targets) {
  const bool has_open_udp = std::ranges::any_of(targets, &Target::is_open_udp);
  std::ranges::stable_sort(targets, {}, [&](const Target& target) {
    switch (target.scheme) {
      case Scheme::kUdp:
        return target.is_open_udp() || !has_open_udp ? 0 : 2;
      case Scheme::kTls:
        return target.port == kHttpsPort ? 1 : 3;
      case Scheme::kTcp:
        break;
    }
    return 4;
  });
}

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
                                const std::vector<turn::RelayAddress>& relay_addresses,
                                const std::vector<Certificate>& certificates) {
  std::vector<Target> targets;
  for (const Config::Listener& listener : listeners) {
    const auto scheme = SchemeOf(listener.transport);
    if (!scheme || (*scheme == Scheme::kTls && certificates.empty())) continue;
    Target target{NodeText(node), listener.address.is_v4(), *scheme, listener.port};
    if (node.empty()) {
      const auto address = HostAddress(listener, relay_addresses);
      if (!address) continue;
      target.host = HostText(*address);
      const bool is_certified = std::ranges::any_of(
          certificates, [&](const Certificate& one) { return one.Matches(address->ToString()); });
      if (*scheme == Scheme::kTls && !is_certified) continue;
    }
    const bool is_known = std::ranges::any_of(targets, [&](const Target& other) {
      return other.host == target.host && other.scheme == *scheme && other.port == target.port;
    });
    if (!is_known) targets.push_back(std::move(target));
  }
  if (std::ranges::any_of(targets, &Target::is_v4) && node.empty()) {
    std::erase_if(targets, [](const Target& target) { return !target.is_v4; });
  }
  SortByPreference(targets);
  return targets;
}

}  // namespace

IceUrls MakeIceUrls(const std::vector<Config::Listener>& listeners, const std::string& node,
                    const std::vector<turn::RelayAddress>& relay_addresses,
                    const std::vector<Certificate>& certificates) {
  IceUrls urls;
  for (const Target& target : MakeTargets(listeners, node, relay_addresses, certificates)) {
    if (target.scheme == Scheme::kUdp && urls.stun.empty()) {
      urls.stun.push_back("stun:" + target.host + ":" + std::to_string(target.port));
    }
    urls.turn.push_back(target.Url());
  }
  return urls;
}

std::vector<Certificate> LoadCertificates(const Config& config) {
  std::vector<Certificate> certificates;
  for (const Config::Certificate& pair : config.tls.certificates) {
    auto loaded = Certificate::Load(pair.certificate_path, pair.private_key_path);
    if (loaded.ok()) certificates.push_back(std::move(loaded).value());
  }
  return certificates;
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
      text += "  {\"urls\": " + json::serialize(json::value_from(urls.stun)) + "},\n";
    }
    text += "  {\"urls\": " + json::serialize(json::value_from(urls.turn)) + ",\n";
    text += "   \"username\": " + json::serialize(json::value(issued.value().username)) + ",\n";
    text += "   \"credential\": " + json::serialize(json::value(issued.value().password)) + "}\n]}";
    return text;
  } catch (const std::exception& error) {
    return base::Error{std::string("cannot write JSON: ") + error.what()};
  }
}

}  // namespace relay
