// Listeners, certificates, relay addresses and peers.

#include <algorithm>
#include <map>

#include "server/migrate/compose.h"
#include "server/migrate/yaml_text.h"

namespace relay {
namespace {

struct Listener {
  std::string_view transport;
  base::Endpoint at;

  friend bool operator==(const Listener&, const Listener&) = default;
};

bool IsOverUdp(const Listener& listener) {
  return listener.transport == "udp" || listener.transport == "dtls";
}

bool IsLoopback(const base::IpAddress& address) {
  static const auto v6 = base::IpAddress::Parse("::1");
  return address == v6 || (address.is_v4() && address.v4_octets()[0] == 127);
}

std::string ToYaml(const Listener& listener) {
  return "  - {transport: " + std::string(listener.transport) +
         ", address: " + YamlQuoted(listener.at.address.ToString()) +
         ", port: " + std::to_string(listener.at.port) + "}\n";
}

// One list, each address once.
std::vector<base::IpAddress> Unique(const std::vector<base::IpAddress>& addresses) {
  std::vector<base::IpAddress> unique;
  for (const base::IpAddress& address : addresses) {
    if (std::ranges::find(unique, address) == unique.end()) unique.push_back(address);
  }
  return unique;
}

struct TlsFiles {
  std::string certificate;
  std::string private_key;
  bool is_usable = false;
};

TlsFiles FindTlsFiles(const CoturnSettings& settings, const MigrationHost& host,
                      Findings& findings) {
  TlsFiles files;
  if (!settings.certificate && !settings.private_key) return files;
  if (!settings.certificate || !settings.private_key) {
    findings.Note(Section::kTls,
                  settings.certificate ? *settings.certificate : *settings.private_key,
                  "stands without the other of cert and pkey: TLS needs both, and is left out");
    return files;
  }
  files.is_usable = !settings.is_key_encrypted;
  if (settings.is_key_encrypted) {
    findings.Note(Section::kTls, *settings.private_key,
                  "has a password (pkey-pwd), which is not supported: TLS and DTLS are comments "
                  "until `openssl pkey -in OLD -out NEW` has made a key without one");
  }
  const auto find = [&](const ConfEntry& entry) {
    const auto found = host.find_file ? host.find_file(entry.value) : entry.value;
    if (!found) {
      files.is_usable = false;
      findings.Note(Section::kTls, entry,
                    "the file cannot be read here: TLS and DTLS are comments until it can");
    }
    return found.value_or(entry.value);
  };
  files.certificate = find(*settings.certificate);
  files.private_key = find(*settings.private_key);
  return files;
}

class ListenerList {
 public:
  ListenerList(const CoturnSettings& settings, bool has_certificate)
      : settings_(settings),
        serves_tls_(has_certificate && !settings.no_tls),
        serves_dtls_(has_certificate && !settings.no_dtls) {}

  // coturn takes TLS and DTLS at plain ports, too, and so do `tcp` and `udp` with a certificate.
  void AddPlainPort(const base::Endpoint& at) {
    Add(!settings_.no_udp, "udp", at);
    Add(settings_.no_udp && serves_dtls_, "dtls", at);
    Add(!settings_.no_tcp, "tcp", at);
    Add(settings_.no_tcp && serves_tls_, "tls", at);
  }

  void AddTlsPort(const base::Endpoint& at) {
    Add(serves_tls_, "tls", at);
    Add(serves_dtls_, "dtls", at);
  }

  void RemoveOverUdp(const base::Endpoint& at) {
    std::erase_if(listeners,
                  [&](const Listener& each) { return IsOverUdp(each) && each.at == at; });
  }

  std::vector<Listener> listeners;

 private:
  void Add(bool is_wanted, std::string_view transport, const base::Endpoint& at) {
    const Listener listener{transport, at};
    if (is_wanted && std::ranges::find(listeners, listener) == listeners.end())
      listeners.push_back(listener);
  }

  const CoturnSettings& settings_;
  bool serves_tls_;
  bool serves_dtls_;
};

// The first two addresses of one family.
std::optional<std::pair<base::IpAddress, base::IpAddress>> FindPair(
    const std::vector<base::IpAddress>& addresses) {
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    for (std::size_t k = i + 1; k < addresses.size(); ++k) {
      if (addresses[i].family() == addresses[k].family() && !addresses[i].is_unspecified() &&
          !addresses[k].is_unspecified())
        return std::pair(addresses[i], addresses[k]);
    }
  }
  return std::nullopt;
}

// YAML below `protocol:`; takes the sockets of NAT discovery out of `list`.
std::string ComposeNatDiscovery(const CoturnSettings& settings,
                                const std::vector<base::IpAddress>& addresses, ListenerList& list,
                                Findings& findings) {
  const auto pair = FindPair(addresses);
  const bool is_asked_for = (settings.rfc5780 || settings.alternate_port) && !settings.no_rfc5780;
  if (settings.no_rfc5780) return {};
  if (!is_asked_for) {
    if (pair) {
      findings.Note(Section::kProtocol,
                    "coturn before 4.7 offers NAT discovery (RFC 5780) by itself where it has two "
                    "addresses of a family; here protocol.nat_discovery has to be written");
    }
    return {};
  }
  const ConfEntry& entry = settings.rfc5780 ? *settings.rfc5780 : settings.alternate_port->entry;
  if (!pair || settings.no_udp) {
    findings.Note(
        Section::kProtocol, entry,
        "NAT discovery needs two addresses of a family, written as listening-ip, and UDP; "
        "coturn had none either");
    return {};
  }
  const std::uint16_t written = settings.alternate_port ? settings.alternate_port->value : 0;
  const auto port = static_cast<std::uint16_t>(written == 0 ? settings.port + 1 : written);
  // The first listener over UDP is the first address of NAT discovery.
  std::ranges::stable_partition(list.listeners, [&](const Listener& each) {
    return each.at == base::Endpoint{pair->first, settings.port};
  });
  list.RemoveOverUdp({pair->second, settings.port});
  list.RemoveOverUdp({pair->second, port});
  list.RemoveOverUdp({pair->first, port});
  findings.Note(Section::kProtocol, entry,
                "over UDP, " + pair->second.ToString() +
                    " answers Binding requests only: clients allocate at " +
                    pair->first.ToString());
  return "  nat_discovery: {alternate_address: " + YamlQuoted(pair->second.ToString()) +
         ", alternate_port: " + std::to_string(port) + "}\n";
}

std::string ComposeProxyPort(const CoturnSettings& settings,
                             const std::vector<base::IpAddress>& addresses, Findings& findings) {
  if (!settings.proxy_port) return {};
  findings.Note(Section::kListeners, settings.proxy_port->entry,
                "coturn believes the PROXY header of everybody; name the proxies in the comment "
                "below and take the # away");
  std::string lines;
  for (const base::IpAddress& address : addresses) {
    lines += "  - {transport: tcp, address: " + YamlQuoted(address.ToString()) +
             ", port: " + std::to_string(settings.proxy_port->value) +
             ", proxy_protocol: {trusted: [PROXY]}}\n";
  }
  return CommentedOut(lines);
}

}  // namespace

MigratedListeners ComposeListeners(const CoturnSettings& settings, const MigrationHost& host,
                                   Findings& findings) {
  auto addresses = Unique(settings.listening_addresses);
  if (addresses.empty()) {
    addresses = {base::IpAddress::FromV4({0, 0, 0, 0}), base::IpAddress()};
    findings.Note(Section::kListeners,
                  "without listening-ip, coturn listens on every address that the host has; so do "
                  "0.0.0.0 and ::, the latter of which a host without IPv6 does not have: take its "
                  "lines out there");
  }
  const TlsFiles files = FindTlsFiles(settings, host, findings);
  ListenerList list(settings, files.is_usable);
  ListenerList with_tls(settings, !files.certificate.empty());
  for (ListenerList* each : {&list, &with_tls}) {
    for (const base::IpAddress& address : addresses) {
      each->AddPlainPort({address, settings.port});
      each->AddTlsPort({address, settings.tls_port});
    }
    for (const base::Endpoint& at : settings.auxiliary) each->AddPlainPort(at);
  }
  if (list.listeners.empty()) {
    // A configuration has to have one; coturn starts without any.
    list.listeners.push_back({"udp", {base::IpAddress::FromV4({127, 0, 0, 1}), settings.port}});
    findings.Note(
        Section::kListeners,
        "no listener is left for clients: with no-udp and no-tcp they need TLS or DTLS, and "
        "those a certificate that can be read (cert and pkey). Only this host reaches the "
        "one below");
  }

  MigratedListeners composed;
  composed.nat_discovery = ComposeNatDiscovery(settings, addresses, list, findings);
  composed.listeners = "listeners:\n";
  for (const Listener& listener : list.listeners) composed.listeners += ToYaml(listener);
  for (const Listener& listener : with_tls.listeners) {
    const bool is_over_tls = listener.transport == "tls" || listener.transport == "dtls";
    if (is_over_tls && !files.is_usable) composed.listeners += CommentedOut(ToYaml(listener));
  }
  composed.listeners += ComposeProxyPort(settings, addresses, findings);
  composed.listeners += YamlComment(
      "Clients behind firewalls reach UDP 49152 and TCP 443 where they reach nothing else "
      "(docs/firewall.md):");
  composed.listeners += CommentedOut(
      "  - {transport: udp, address: \"0.0.0.0\", port: 49152}\n"
      "  - {transport: edge, address: \"0.0.0.0\", port: 443}\n");

  if (!files.certificate.empty()) {
    const std::string tls =
        "tls:\n  certificates:\n    - {certificate: " + YamlScalar(files.certificate) +
        ", private_key: " + YamlScalar(files.private_key) + "}\n";
    composed.tls = files.is_usable ? tls : CommentedOut(tls);
  }
  return composed;
}

namespace {

// Where coturn relays from when no relay-ip says so: wherever it listens.
std::vector<base::IpAddress> RelayAddresses(const CoturnSettings& settings) {
  auto addresses = Unique(settings.relay_addresses);
  if (!addresses.empty()) return addresses;
  const auto listening = Unique(settings.listening_addresses);
  const bool has_wildcard = std::ranges::any_of(listening, &base::IpAddress::is_unspecified);
  if (!has_wildcard) {
    std::ranges::remove_copy_if(listening, std::back_inserter(addresses), IsLoopback);
    if (addresses.empty()) addresses = listening;
  }
  if (!addresses.empty()) return addresses;
  for (const CoturnSettings::External& pair : settings.externals) {
    if (pair.internal) addresses.push_back(*pair.internal);
  }
  return Unique(addresses);
}

// The address behind a public one that stands alone; nullopt after a note.
std::optional<base::IpAddress> FindInternal(const CoturnSettings::External& pair,
                                            const std::vector<base::IpAddress>& relay,
                                            const MigrationHost& host, Findings& findings) {
  std::vector<base::IpAddress> candidates;
  for (const base::IpAddress& address : relay) {
    if (address.family() == pair.external.family()) candidates.push_back(address);
  }
  if (candidates.size() > 1) {
    findings.Note(Section::kRelay, pair.entry,
                  "taken for that of " + candidates.front().ToString() +
                      ", the first relay address; each of the others needs one of its own");
  }
  if (!candidates.empty()) return candidates.front();
  const auto& own = pair.external.is_v4() ? host.v4 : host.v6;
  if (own && *own != pair.external && relay.empty()) {
    findings.Note(Section::kRelay, pair.entry,
                  "taken for that of " + own->ToString() +
                      ", the address of this host's default route; if this is not the host of the "
                      "server, write the address that it has there");
  }
  if (own && relay.empty()) return own;
  findings.Note(
      Section::kRelay, pair.entry,
      "says which address the world sees, but not for which one of the host: complete the "
      "comment, or clients get an address that nobody reaches");
  return std::nullopt;
}

}  // namespace

std::string ComposeRelay(const CoturnSettings& settings, const MigrationHost& host,
                         Findings& findings) {
  constexpr std::uint16_t kLowestPort = 1024;
  std::string yaml;
  const auto relay = RelayAddresses(settings);
  if (!relay.empty()) {
    yaml += "  addresses: [";
    for (const base::IpAddress& address : relay)
      yaml += (address == relay.front() ? "" : ", ") + YamlQuoted(address.ToString());
    yaml += "]\n";
  }
  std::map<base::IpAddress, base::IpAddress> externals;
  std::string incomplete;
  for (const CoturnSettings::External& pair : settings.externals) {
    const auto internal = pair.internal ? pair.internal : FindInternal(pair, relay, host, findings);
    if (internal && externals.contains(*internal) && externals[*internal] != pair.external) {
      findings.Note(
          Section::kRelay, pair.entry,
          "is another public address for " + internal->ToString() + ": the last one holds");
    }
    if (internal) externals[*internal] = pair.external;
    if (!internal) {
      incomplete += CommentedOut(
          "  external_addresses: {ADDRESS: " + YamlQuoted(pair.external.ToString()) + "}\n");
    }
  }
  std::erase_if(externals, [](const auto& pair) { return pair.first == pair.second; });
  if (!externals.empty()) {
    yaml += "  external_addresses:\n";
    for (const auto& [internal, external] : externals) {
      yaml +=
          "    " + YamlQuoted(internal.ToString()) + ": " + YamlQuoted(external.ToString()) + "\n";
    }
  }
  yaml += incomplete;
  const std::uint16_t min = settings.min_port ? settings.min_port->value : 49152;
  const std::uint16_t max = settings.max_port ? settings.max_port->value : 65535;
  if (min > max) {
    findings.Fail(
        settings.max_port ? settings.max_port->entry : settings.min_port->entry,
        "min-port (" + std::to_string(min) + ") is above max-port (" + std::to_string(max) + ")");
  } else if (max < kLowestPort) {
    findings.Fail(settings.max_port->entry, "relay ports begin with 1024 here");
  } else if (settings.min_port || settings.max_port) {
    if (min < kLowestPort) {
      findings.Note(Section::kRelay, settings.min_port->entry, "relay ports begin with 1024 here");
    }
    yaml += "  ports: {min: " + std::to_string(std::max(min, kLowestPort)) +
            ", max: " + std::to_string(max) + "}\n";
  }
  if (yaml.empty()) return yaml;
  return (yaml == incomplete ? "# relay:\n" : "relay:\n") + yaml;
}

namespace {

std::string ToYaml(const std::string& key, const AddressSet& set) {
  if (set.empty()) return {};
  std::string yaml = "  " + key + ":\n";
  for (const base::IpPrefix& prefix : set.Prefixes())
    yaml += "    - " + YamlQuoted(prefix.ToString()) + "\n";
  return yaml;
}

AddressSet SetOf(std::initializer_list<std::string_view> prefixes) {
  AddressSet set;
  for (const std::string_view prefix : prefixes) set.Add(*base::IpPrefix::Parse(prefix));
  return set;
}

}  // namespace

std::string ComposePeers(const CoturnSettings& settings, Findings& findings) {
  const AddressSet loopback = SetOf({"127.0.0.0/8", "::1/128"});
  AddressSet allowed = settings.allowed_peers;
  // coturn looks at these before it looks at what is allowed.
  allowed.Subtract(SetOf({"0.0.0.0/8", "::/128", "127.0.0.0/8", "::1/128"}));
  if (!(allowed == settings.allowed_peers)) {
    findings.Note(Section::kPeers,
                  "allowed-peer-ip holds addresses of the host itself (0.0.0.0/8, 127.0.0.0/8, ::, "
                  "::1), which coturn denies nevertheless; they are left out");
  }
  // There, what is allowed wins over what is denied; here, the other way round.
  AddressSet denied = settings.denied_peers;
  denied.Subtract(allowed);
  if (settings.allows_loopback_peers) {
    for (const base::IpPrefix& prefix : loopback.Prefixes()) allowed.Add(prefix);
    findings.Note(Section::kPeers,
                  "allow-loopback-peers lets every client reach the services of this host that "
                  "listen on loopback; it is meant for tests");
  }
  findings.Note(
      Section::kPeers,
      "private, shared and other special ranges (10.0.0.0/8, 192.168.0.0/16, fc00::/7 and "
      "so on) are denied unless peers.allow has them; coturn reaches most of them unless "
      "denied-peer-ip has them");
  const std::string yaml = ToYaml("allow", allowed) + ToYaml("deny", denied);
  return yaml.empty() ? yaml : "peers:\n" + yaml;
}

}  // namespace relay
