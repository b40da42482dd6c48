#include "server/config/config.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace relay {

std::vector<Config::Listener> Config::DefaultListeners() {
  struct Port {
    ListenerTransport transport;
    std::uint16_t port;
  };
  constexpr Port kPorts[] = {
      {ListenerTransport::kUdp, 3478},   {ListenerTransport::kUdp, 49152},
      {ListenerTransport::kDtls, 49153}, {ListenerTransport::kTcp, 3478},
      {ListenerTransport::kTls, 5349},   {ListenerTransport::kDtls, 5349},
      {ListenerTransport::kEdge, 443},
  };
  std::vector<Listener> listeners;
  for (const base::IpAddress& any : {base::IpAddress::FromV4({0, 0, 0, 0}), base::IpAddress()}) {
    for (const Port& port : kPorts) {
      listeners.push_back({port.transport, any, port.port, std::nullopt});
    }
  }
  return listeners;
}

std::string_view TransportName(Config::ListenerTransport transport) {
  switch (transport) {
    case Config::ListenerTransport::kUdp:
      return "udp";
    case Config::ListenerTransport::kDtls:
      return "dtls";
    case Config::ListenerTransport::kTcp:
      return "tcp";
    case Config::ListenerTransport::kTls:
      return "tls";
    case Config::ListenerTransport::kEdge:
      return "edge";
  }
  CHECK(false);
}

bool IsRelay(const Config& config) {
  return std::ranges::find(config.roles, Config::Role::kRelay) != config.roles.end();
}

bool OffersCredentials(const Config& config) {
  const bool has_role =
      std::ranges::find(config.roles, Config::Role::kCredentials) != config.roles.end();
  return has_role && !(config.credentials.issuers.empty() && config.credentials.api_keys.empty());
}

const Config::Listener* FirstUdpListener(const Config& config) {
  const auto found = std::ranges::find(config.listeners, Config::ListenerTransport::kUdp,
                                       &Config::Listener::transport);
  return found == config.listeners.end() ? nullptr : &*found;
}

bool NeedsCertificate(Config::ListenerTransport transport) {
  return transport != Config::ListenerTransport::kUdp &&
         transport != Config::ListenerTransport::kTcp;
}

std::string ToString(const Config::Listener& listener) {
  std::string text(TransportName(listener.transport));
  text += ' ';
  text += base::Endpoint{listener.address, listener.port}.ToString();
  return text;
}

}  // namespace relay
