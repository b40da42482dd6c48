// The options of coturn about addresses, ports, peers and certificates.

#include "server/config/fields.h"
#include "server/migrate/option_setters.h"
#include "server/migrate/options.h"
#include "server/migrate/values.h"

namespace relay {
namespace {

using enum Section;
using enum Fate;
using enum Takes;

void AddListeningAddress(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  if (const auto address = ReadAddress(entry, findings))
    settings.listening_addresses.push_back(*address);
}

template <std::uint16_t CoturnSettings::*Member>
void SetPort(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  const auto port = ReadPort(entry, findings);
  if (port && *port != 0) settings.*Member = *port;  // 0 is coturn's word for its default
}

template <std::optional<CoturnSettings::Written<std::uint16_t>> CoturnSettings::*Member>
void SetWrittenPort(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  if (const auto port = ReadPort(entry, findings)) settings.*Member = {entry, *port};
}

void AddAuxiliary(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  if (const auto endpoint = ReadEndpoint(entry, std::nullopt, findings))
    settings.auxiliary.push_back(*endpoint);
}

void AddRelayAddress(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  const auto address = ReadAddress(entry, findings);
  if (!address) return;
  if (address->is_unspecified()) {
    findings.Note(kRelay, entry,
                  "no address of one interface: left out; without relay.addresses those of the "
                  "default routes are used");
  } else {
    settings.relay_addresses.push_back(*address);
  }
}

void AddExternal(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  const std::string_view value = WithoutComment(entry.value);
  const std::size_t slash = value.find('/');
  const auto external = base::IpAddress::Parse(value.substr(0, slash));
  const auto internal =
      slash == value.npos ? std::nullopt : base::IpAddress::Parse(value.substr(slash + 1));
  if (!external || (slash != value.npos && !internal)) {
    findings.Fail(entry, fields::Quoted(entry.value) +
                             " is neither a public address nor public/private, such as "
                             "203.0.113.7/10.0.0.5");
  } else if (internal && internal->family() != external->family()) {
    findings.Fail(entry, "the two addresses are not of one family");
  } else {
    settings.externals.push_back({entry, *external, internal});
  }
}

void AddAllowedPeers(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  ReadRange(entry, settings.allowed_peers, findings);
}

void AddDeniedPeers(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  ReadRange(entry, settings.denied_peers, findings);
}

void SetKeyPassword(const ConfEntry&, CoturnSettings& settings, Findings&) {
  settings.is_key_encrypted = true;
}

constexpr std::string_view kCiphers =
    "TLS 1.2 and 1.3 and DTLS 1.2 with the suites and curves that OpenSSL takes for safe; there is "
    "no key for it";
constexpr std::string_view kDevice =
    "sockets are bound to addresses, not to devices: name the addresses of the device instead";
constexpr std::string_view kOldTls =
    "TLS before 1.2 is not spoken; clients that know nothing newer stay away";
constexpr std::string_view kBatches =
    "datagrams are always read and sent in batches, with segmentation offload";
constexpr std::string_view kMultiplex =
    "each allocation has a port of its own, as RFC 8656 says; sharing one is not standard";

constexpr CoturnOption kOptions[] = {
    {"listening-ip", kValue, kListeners, kTaken, "listeners[].address", "", AddListeningAddress},
    {"listening-port", kValue, kListeners, kTaken, "listeners[].port", "`udp` and `tcp`",
     SetPort<&CoturnSettings::port>},
    {"tls-listening-port", kValue, kListeners, kTaken, "listeners[].port",
     "`tls` and `dtls`, which there take nothing in the clear", SetPort<&CoturnSettings::tls_port>},
    {"alt-listening-port", kValue, kListeners, kTaken, "protocol.nat_discovery.alternate_port",
     "with two addresses of a family, unless `no-rfc5780`",
     SetWrittenPort<&CoturnSettings::alternate_port>},
    {"alt-tls-listening-port", kValue, kListeners, kNone, "",
     "NAT discovery is over UDP, as in coturn; a second TLS port is one more of `listeners`"},
    {"tcp-proxy-port", kValue, kListeners, kTaken, "listeners[].proxy_protocol",
     "as a comment: the proxies that are trusted have to be named",
     SetWrittenPort<&CoturnSettings::proxy_port>},
    {"aux-server", kValue, kListeners, kTaken, "listeners", "", AddAuxiliary},
    {"udp-self-balance", kFlag, kListeners, kNone, "",
     "clients are spread over all cores by the kernel; nobody is redirected for it"},
    {"listening-device", kValue, kListeners, kNone, "", kDevice},
    {"no-udp", kFlag, kListeners, kTaken, "listeners", "", SetFlag<&CoturnSettings::no_udp>},
    {"no-tcp", kFlag, kListeners, kTaken, "listeners", "", SetFlag<&CoturnSettings::no_tcp>},
    {"no-tls", kFlag, kListeners, kTaken, "listeners", "", SetFlag<&CoturnSettings::no_tls>},
    {"no-dtls", kFlag, kListeners, kTaken, "listeners", "", SetFlag<&CoturnSettings::no_dtls>},
    {"dtls", kFlag, kListeners, kTaken, "listeners",
     "DTLS is served unless `no-dtls`, as coturn did before 4.17",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) { settings.no_dtls = false; }},
    {"respond-http-unsupported", kFlag, kListeners, kNone, "",
     "HTTP is answered at `edge` listeners only; elsewhere the connection ends"},
    {"sock-buf-size", kValue, kListeners, kNone, "",
     "buffers are as large as net.core.rmem_max and net.core.wmem_max let them be; raise those"},
    {"udp-recvmmsg", kFlag, kListeners, kAlready, "", kBatches},
    {"udp-recvmmsg-log", kFlag, kListeners, kNone, "",
     "there is no log of batches; relayed packets are in the metrics"},
    {"udp-sendmmsg-log", kFlag, kListeners, kNone, "",
     "there is no log of batches; relayed packets are in the metrics"},
    {"udp-gso", kFlag, kListeners, kAlready, "", kBatches},
    {"drop-invalid-packets", kFlag, kListeners, kAlready, "",
     "What is not STUN or TURN is dropped"},
    {"drop-invalid-packets-log", kFlag, kListeners, kNone, "",
     "packets are never logged; dropped ones are counted by reason in the metrics"},
    {"ne", kValue, kListeners, kNone, "", "there is one network engine"},

    {"cert", kValue, kTls, kTaken, "tls.certificates[].certificate",
     "watched: a renewed one is in use at once", SetEntry<&CoturnSettings::certificate>},
    {"pkey", kValue, kTls, kTaken, "tls.certificates[].private_key", "",
     SetEntry<&CoturnSettings::private_key>},
    {"pkey-pwd", kValue, kTls, kTaken, "",
     "keys have to be without a password: TLS stays a comment until this one is", SetKeyPassword},
    {"CA-file", kValue, kTls, kNone, "",
     "certificates of clients are not asked for: whoever connects is let in by TURN's own "
     "credentials alone"},
    {"cipher-list", kValue, kTls, kNone, "", kCiphers},
    {"ec-curve-name", kValue, kTls, kNone, "", kCiphers},
    {"dh566", kFlag, kTls, kNone, "", kCiphers},
    {"dh1066", kFlag, kTls, kNone, "", kCiphers},
    {"dh2066", kFlag, kTls, kNone, "", kCiphers},
    {"dh-file", kValue, kTls, kNone, "", kCiphers},
    {"no-sslv2", kFlag, kTls, kAlready, "", "TLS begins with 1.2"},
    {"no-sslv3", kFlag, kTls, kAlready, "", "TLS begins with 1.2"},
    {"no-tlsv1", kFlag, kTls, kAlready, "", "TLS begins with 1.2"},
    {"no-tlsv1_1", kFlag, kTls, kAlready, "", "TLS begins with 1.2"},
    {"no-tlsv1_2", kFlag, kTls, kNone, "", "TLS 1.2 is spoken beside 1.3; there is no key for it"},
    {"tlsv1", kFlag, kTls, kNone, "", kOldTls},
    {"tlsv1_1", kFlag, kTls, kNone, "", kOldTls},
    {"raw-public-keys", kFlag, kTls, kNone, "", "raw public keys (RFC 7250) are not offered"},
    {"acme-redirect", kValue, kTls, kNone, "",
     "challenges of ACME are not passed on: use DNS-01, or another server at port 80"},

    {"relay-ip", kValue, kRelay, kTaken, "relay.addresses", "", AddRelayAddress},
    {"external-ip", kValue, kRelay, kTaken, "relay.external_addresses",
     "a public address alone is for the address of this host's default route", AddExternal},
    {"relay-device", kValue, kRelay, kNone, "", kDevice},
    {"min-port", kValue, kRelay, kTaken, "relay.ports.min", "at least 1024",
     SetWrittenPort<&CoturnSettings::min_port>},
    {"max-port", kValue, kRelay, kTaken, "relay.ports.max", "",
     SetWrittenPort<&CoturnSettings::max_port>},
    {"relay-threads", kValue, kRelay, kTaken, "shards", "one at least",
     SetNumber<&CoturnSettings::relay_threads>},
    {"cpus", kValue, kRelay, kTaken, "shards", "unless there is `relay-threads`",
     SetNumber<&CoturnSettings::cpus>},
    {"multiplex-peer", kFlag, kRelay, kNone, "", kMultiplex},
    {"multiplex-peer-port", kValue, kRelay, kNone, "", kMultiplex},
    {"multiplex-peer-max-peers", kValue, kRelay, kNone, "", kMultiplex},
    {"server-relay", kFlag, kRelay, kNone, "",
     "nothing reaches a client without a permission; servers behind a relay are not supported"},
    {"allocation-default-address-family", kValue, kRelay, kTaken, "",
     "IPv4 unless a client asks for more, as RFC 8656 says",
     [](const ConfEntry& entry, CoturnSettings&, Findings& findings) {
       const std::string_view family = WithoutComment(entry.value);
       if (family == "ipv6" || family == "keep") {
         findings.Note(kRelay, entry,
                       "clients that do not name a family get IPv4, as RFC 8656 says; there is no "
                       "other default");
       } else if (family != "ipv4") {
         findings.Fail(entry, fields::Quoted(family) + " is none of ipv4, ipv6 and keep");
       }
     }},
    {"keep-address-family", kFlag, kRelay, kNone, "",
     "clients that do not name a family get IPv4, as RFC 8656 says; there is no other default"},

    {"allowed-peer-ip", kValue, kPeers, kTaken, "peers.allow",
     "as prefixes that cover exactly the same; what is both allowed and denied stays allowed",
     AddAllowedPeers},
    {"denied-peer-ip", kValue, kPeers, kTaken, "peers.deny", "likewise", AddDeniedPeers},
    {"allow-loopback-peers", kFlag, kPeers, kTaken, "peers.allow", "with a warning",
     SetFlag<&CoturnSettings::allows_loopback_peers>},
    {"no-loopback-peers", kFlag, kPeers, kAlready, "", "Denied unless allowed"},
    {"no-multicast-peers", kFlag, kPeers, kAlready, "", "Denied unless allowed"},
    {"no-dynamic-ip-list", kFlag, kPeers, kAlready, "", "There is no list in a database"},
};

}  // namespace

std::span<const CoturnOption> NetworkOptions() { return kOptions; }

}  // namespace relay
