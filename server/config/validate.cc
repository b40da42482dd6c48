#include "server/config/validate.h"

#include <algorithm>
#include <map>
#include <set>

#include "auth/opaque_string.h"
#include "protocol/base/crypto.h"
#include "server/config/fields.h"
#include "server/config/units.h"

namespace relay {
namespace {

using fields::Quoted;

std::string Item(const std::string& list, std::size_t index) {
  return list + "[" + std::to_string(index) + "]";
}

bool IsMulticast(const base::IpAddress& address) {
  return address.is_v4() ? (address.v4_octets()[0] & 0xf0) == 0xe0 : address.octets()[0] == 0xff;
}

bool IsOverUdp(Config::ListenerTransport transport) {
  return transport == Config::ListenerTransport::kUdp ||
         transport == Config::ListenerTransport::kDtls;
}

// Told apart by the first octet, so that they can share a socket.
bool CanShare(const Config::Listener& one, const Config::Listener& other) {
  using Transport = Config::ListenerTransport;
  return one.transport != other.transport && one.transport != Transport::kEdge &&
         other.transport != Transport::kEdge;
}

void ValidateCertificateNeed(Draft& draft, std::size_t index) {
  const Config::Listener& listener = draft.config.listeners[index];
  const bool has_certificates = !draft.config.tls.certificates.empty() || draft.HasError("tls") ||
                                draft.makes_missing_certificates;
  if (!NeedsCertificate(listener.transport) || has_certificates) return;
  draft.AddError(Item("listeners", index) + ".transport",
                 Quoted(TransportName(listener.transport)) +
                     " needs a certificate: add tls.certificates, for example [{certificate: "
                     "/etc/senso-turn/tls.crt, private_key: /etc/senso-turn/tls.key}]");
}

void ValidateProxies(Draft& draft, std::size_t index) {
  const Config::Listener& listener = draft.config.listeners[index];
  const std::string key = Item("listeners", index) + ".proxy_protocol";
  if (!draft.IsWritten(key)) return;
  if (!listener.trusted_proxies || listener.trusted_proxies->empty()) {
    draft.AddError(key + ".trusted",
                   "names no proxy: nobody's header would be believed; accepted: the addresses of "
                   "the proxies, such as [10.0.0.0/8], or no proxy_protocol at all");
    return;
  }
  for (const base::IpPrefix& prefix : *listener.trusted_proxies) {
    // From ::/0 to 0.0.0.0/1, everything counts as everybody.
    constexpr int kIpv4Offset = 96;
    const bool is_v4 = prefix.address().is_v4() && prefix.bits() >= kIpv4Offset;
    if (prefix.bits() - (is_v4 ? kIpv4Offset : 0) > 1) continue;
    draft.AddWarning(key + ".trusted",
                     Quoted(prefix.ToString()) +
                         " trusts everybody: every client has to send a header, and can claim any "
                         "address");
  }
}

void ValidateListeners(Draft& draft) {
  const auto& listeners = draft.config.listeners;
  if (draft.HasError("listeners")) return;
  if (listeners.empty()) {
    draft.AddError("listeners",
                   "is empty: nobody could reach the server; leave the key out for the "
                   "default listeners");
  }
  std::multimap<std::tuple<bool, base::IpAddress, std::uint16_t>, std::size_t> taken;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const Config::Listener& listener = listeners[i];
    if (draft.config.listeners_were_given) {  // the default list is only shortened
      ValidateCertificateNeed(draft, i);
      ValidateProxies(draft, i);
    }
    if (listener.port == 0) {
      draft.AddWarning(Item("listeners", i) + ".port",
                       "the system chooses the port, another one at every start; meant for tests");
      continue;
    }
    const std::tuple place(IsOverUdp(listener.transport), listener.address, listener.port);
    const auto [first, end] = taken.equal_range(place);
    for (auto other = first; other != end; ++other) {
      const Config::Listener& neighbour = listeners[other->second];
      const std::string name = Item("listeners", other->second) + " (" + ToString(neighbour) + ")";
      if (!CanShare(listener, neighbour)) {
        draft.AddError(Item("listeners", i), "has the same address and port as " + name);
        break;
      }
      if (listener.trusted_proxies != neighbour.trusted_proxies) {
        draft.AddError(Item("listeners", i),
                       "shares a socket with " + name + ", so both need the same proxy_protocol");
        break;
      }
    }
    taken.emplace(place, i);
  }
  const base::Endpoint metrics{draft.config.metrics.address, draft.config.metrics.port};
  const auto same = taken.find({false, metrics.address, metrics.port});
  if (metrics.port != 0 && same != taken.end() && !draft.HasError("metrics")) {
    draft.AddError("metrics.port", metrics.ToString() + " is also " +
                                       Item("listeners", same->second) + " (" +
                                       ToString(listeners[same->second]) + ")");
  }
}

// NAT discovery also names external addresses.
bool IsOfNatDiscovery(const Config& config, const base::IpAddress& address) {
  const auto& alternate = config.protocol.nat_discovery.alternate_address;
  const Config::Listener* const primary = FirstUdpListener(config);
  return alternate && (address == *alternate || (primary && address == primary->address));
}

// Whether a listener has, or takes part of the traffic of, a further socket of NAT discovery.
bool Overlaps(const Config::Listener& listener, const base::Endpoint& socket,
              const Config::Listener& primary) {
  if (!IsOverUdp(listener.transport) || listener.port != socket.port) return false;
  if (listener.address == socket.address) return true;
  // A wildcard. That of the other family leaves the primary's port alone (see ShardGroup).
  return listener.address.is_unspecified() &&
         (listener.address.family() == socket.address.family() || listener.port != primary.port);
}

void ValidateFurtherSockets(Draft& draft, const Config::Listener& primary) {
  const Config::NatDiscovery& discovery = draft.config.protocol.nat_discovery;
  const auto& listeners = draft.config.listeners;
  for (const base::Endpoint& socket :
       {base::Endpoint{primary.address, discovery.alternate_port},
        base::Endpoint{*discovery.alternate_address, primary.port},
        base::Endpoint{*discovery.alternate_address, discovery.alternate_port}}) {
    for (std::size_t i = 0; i < listeners.size(); ++i) {
      if (!Overlaps(listeners[i], socket, primary)) continue;
      draft.AddError("protocol.nat_discovery", "needs udp " + socket.ToString() + ", which " +
                                                   Item("listeners", i) + " (" +
                                                   ToString(listeners[i]) + ") takes");
      return;
    }
  }
}

void ValidateNatDiscovery(Draft& draft) {
  const std::string section = "protocol.nat_discovery";
  const std::string address_key = section + ".alternate_address";
  const Config::NatDiscovery& discovery = draft.config.protocol.nat_discovery;
  if (!draft.IsWritten(section) || draft.HasError(section) || draft.HasError("listeners")) return;
  if (!discovery.alternate_address) {
    draft.AddError(section,
                   "lacks alternate_address, without which there is no NAT discovery; accepted: a "
                   "second address of this host");
    return;
  }
  const base::IpAddress& alternate = *discovery.alternate_address;
  const Config::Listener* const primary = FirstUdpListener(draft.config);
  if (primary == nullptr) {
    draft.AddError(address_key,
                   "needs a listener with the transport udp: its address and port are "
                   "the first ones");
    return;
  }
  const std::string name = "the first udp listener (" + ToString(*primary) + ")";
  if (primary->address.is_unspecified()) {
    draft.AddError(address_key, name +
                                    " is on every address, so there is no second one; write a "
                                    "listener with an address of this host");
  } else if (alternate.is_unspecified() || alternate.family() != primary->address.family()) {
    draft.AddError(address_key, Quoted(alternate.ToString()) + " cannot be the other address of " +
                                    name +
                                    "; accepted: an address of this host of the same family");
  } else if (alternate == primary->address) {
    draft.AddError(address_key, Quoted(alternate.ToString()) + " is also the address of " + name +
                                    "; accepted: another address of this host");
  } else if (discovery.alternate_port == primary->port) {
    draft.AddError(section + ".alternate_port", std::to_string(discovery.alternate_port) +
                                                    " is also the port of " + name +
                                                    "; accepted: another port");
  } else {
    ValidateFurtherSockets(draft, *primary);
  }
  if (discovery.padding) {
    draft.AddWarning(section + ".padding",
                     "anybody can have fragments of up to 1500 octets sent to an address that he "
                     "forges; meant for tests");
  }
  if (discovery.response_port) {
    draft.AddWarning(section + ".response_port",
                     "anybody can have answers sent to a port that did not ask; meant for tests");
  }
}

void ValidateRelay(Draft& draft) {
  const Config::Relay& relay = draft.config.relay;
  const bool has_addresses = !relay.addresses.empty() && !draft.HasError("relay.addresses");
  for (std::size_t i = 0; has_addresses && i < relay.addresses.size(); ++i) {
    const base::IpAddress& address = relay.addresses[i];
    const std::string key = Item("relay.addresses", i);
    if (address.is_unspecified() || IsMulticast(address)) {
      draft.AddError(key,
                     Quoted(address.ToString()) +
                         " is not the address of one interface; "
                         "accepted: an address of this host, or no key at all for those of the "
                         "default routes");
    }
    if (std::ranges::count(relay.addresses, address) > 1) {
      draft.AddError(key, Quoted(address.ToString()) + " is written twice");
    }
  }
  if (has_addresses) {
    for (const Config::ExternalAddress& pair : relay.external_addresses) {
      if (IsOfNatDiscovery(draft.config, pair.internal)) continue;
      if (std::ranges::find(relay.addresses, pair.internal) == relay.addresses.end()) {
        draft.AddWarning(
            "relay.external_addresses",
            Quoted(pair.internal.ToString()) + " is not one of relay.addresses: without effect");
      }
    }
  }
  if (draft.HasError("relay.ports")) return;
  if (relay.min_port > relay.max_port) {
    draft.AddError(draft.IsWritten("relay.ports.max") ? "relay.ports.max" : "relay.ports.min",
                   "relay.ports.min (" + std::to_string(relay.min_port) +
                       ") is above relay.ports.max (" + std::to_string(relay.max_port) + ")");
    return;
  }
  if (relay.min_port % 2 != 0) {
    draft.AddWarning("relay.ports.min",
                     std::to_string(relay.min_port) +
                         " is odd, so its even neighbour is missing: it can only "
                         "be given to clients that do not ask for a pair");
  }
  if (relay.max_port % 2 == 0) {
    draft.AddWarning("relay.ports.max",
                     std::to_string(relay.max_port) +
                         " is even, so its odd neighbour is missing: it can only "
                         "be given to clients that do not ask for a pair");
  }
}

void ValidateUsers(Draft& draft) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < draft.users.size(); ++i) {
    const std::string key = Item("auth.users", i);
    int ways = 0;
    for (const char* name : {".password", ".password_file", ".key"}) {
      ways += draft.IsWritten(key + name) ? 1 : 0;
    }
    if (ways != 1 && !draft.HasError(key)) {
      draft.AddError(key, ways == 0 ? "has neither password, password_file nor key; one is needed"
                                    : "has more than one of password, password_file and key");
    }
    const auto prepared = auth::PrepareOpaqueString(draft.users[i].username);
    if (!prepared.ok()) continue;  // already reported
    const auto [first, is_new] = seen.try_emplace(prepared.value(), i);
    if (!is_new) {
      draft.AddError(key + ".username", Quoted(prepared.value()) + " is also the name of " +
                                            Item("auth.users", first->second));
    }
  }
}

void ValidateSecrets(Draft& draft) {
  constexpr std::size_t kShortSecret = 16;
  const auto& secrets = draft.config.auth.shared_secrets;
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    const std::string key = Item("auth.shared_secrets", i);
    const bool has_text = draft.IsWritten(key + ".secret");
    const bool has_file = draft.IsWritten(key + ".secret_file");
    if (has_text == has_file && !draft.HasError(key)) {
      draft.AddError(key, has_text ? "has both secret and secret_file"
                                   : "has neither secret nor secret_file; one is needed");
    }
    if (draft.HasError(key)) continue;
    const auto [first, is_new] = seen.try_emplace(secrets[i].id, i);
    if (!is_new) {
      draft.AddError(key + ".id", Quoted(secrets[i].id) + " is also the name of " +
                                      Item("auth.shared_secrets", first->second));
    }
    if (secrets[i].secret.size() < kShortSecret) {
      draft.AddWarning(key,
                       "the secret has fewer than 16 characters and can be guessed from a "
                       "captured request; `openssl rand -base64 32` makes a good one");
    }
  }
}

void ValidateAuth(Draft& draft) {
  ValidateUsers(draft);
  ValidateSecrets(draft);
  ValidateAccessTokens(draft);
  const Config::Auth& auth = draft.config.auth;
  if (draft.users.empty() && auth.shared_secrets.empty() && auth.access_tokens.keys.empty() &&
      !draft.HasError("auth")) {
    draft.AddWarning("auth",
                     "there are no users, no shared secrets and no access tokens: nobody can use "
                     "the relay, only STUN is answered");
  }
}

void ValidateLifetimes(Draft& draft) {
  const Config::Lifetimes& lifetimes = draft.config.lifetimes;
  if (draft.HasError("lifetimes")) return;
  if (lifetimes.default_lifetime > lifetimes.max) {
    draft.AddError(draft.IsWritten("lifetimes.default") ? "lifetimes.default" : "lifetimes.max",
                   "lifetimes.default (" + PrintDuration(lifetimes.default_lifetime) +
                       ") is longer than lifetimes.max (" + PrintDuration(lifetimes.max) + ")");
  }
  const auto warn_unless = [&](bool is_fine, const std::string& key, const std::string& message) {
    if (!is_fine) draft.AddWarning(key, message);
  };
  using std::chrono::seconds;
  warn_unless(lifetimes.permission == seconds(300), "lifetimes.permission",
              "RFC 8656 fixes permissions at 300s and clients count on it; meant for tests");
  warn_unless(lifetimes.channel == seconds(600), "lifetimes.channel",
              "RFC 8656 fixes channels at 600s and clients count on it; meant for tests");
  warn_unless(lifetimes.default_lifetime == seconds(600), "lifetimes.default",
              "RFC 8656 has 600s and some clients count on it");
  warn_unless(lifetimes.max <= seconds(3600), "lifetimes.max",
              "RFC 8656 recommends at most 1h: what clients forget stays that long");
  warn_unless(lifetimes.nonce <= seconds(3600), "lifetimes.nonce",
              "RFC 8656 wants nonces to expire within 1h");
}

void ValidateRedirect(Draft& draft) {
  const Config::Redirect& redirect = draft.config.redirect;
  if (draft.HasError("redirect")) return;
  for (std::size_t i = 0; i < redirect.servers.size(); ++i) {
    const base::Endpoint& server = redirect.servers[i];
    const std::string key = Item("redirect.servers", i);
    if (server.address.is_unspecified() || IsMulticast(server.address)) {
      draft.AddError(key, Quoted(server.ToString()) + " is not where one server is reached");
    }
    if (std::ranges::find(redirect.servers, server) !=
        redirect.servers.begin() + static_cast<std::ptrdiff_t>(i)) {
      draft.AddError(key, Quoted(server.ToString()) + " is written twice");
    }
  }
  if (redirect.servers.empty() && redirect.when == Config::RedirectWhen::kAlways) {
    draft.AddWarning("redirect.when", "is without effect: redirect.servers is empty");
  }
  if (redirect.servers.empty() && !redirect.domain.empty()) {
    draft.AddWarning("redirect.domain", "is without effect: redirect.servers is empty");
  }
}

void ValidateCheckPage(Draft& draft) {
  const std::string key = "check_page.enabled";
  const Config& config = draft.config;
  if (!config.check_page.is_enabled || draft.HasError(key)) return;
  if (config.auth.shared_secrets.empty() && !draft.HasError("auth")) {
    draft.AddError(key, "needs one of auth.shared_secrets, which signs the page's credentials");
  }
  const bool has_edge = std::ranges::any_of(config.listeners, [](const Config::Listener& each) {
    return each.transport == Config::ListenerTransport::kEdge;
  });
  if (!has_edge && !draft.HasError("listeners"))
    draft.AddWarning(key, "is without effect: no listener is an edge");
}

// See docs/security.md, "Amplification".
void ValidateRealm(Draft& draft) {
  constexpr std::size_t kLongRealm = 60;
  if (draft.config.realm.size() > kLongRealm) {
    draft.AddWarning("realm",
                     "is longer than " + std::to_string(kLongRealm) +
                         " octets, so that strangers may get answers of more than five times what "
                         "they send");
  }
}

}  // namespace

void Validate(Draft& draft) {
  ValidateRealm(draft);
  ValidateListeners(draft);
  ValidateNatDiscovery(draft);
  ValidateRelay(draft);
  ValidateAuth(draft);
  ValidateLifetimes(draft);
  ValidateRedirect(draft);
  ValidateServices(draft);
  ValidateCheckPage(draft);
}

}  // namespace relay
