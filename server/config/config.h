#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/shared_secret.h"
#include "auth/static_user.h"
#include "protocol/base/ip_address.h"

namespace relay {

// The configuration as a value: what docs/configuration.md describes, with its defaults, already
// checked when it comes from LoadConfig (load.h). Numbers carry their unit in their name; 0 means
// unlimited wherever a limit is meant. Every key is a row of the schema (schema.h).
struct Config {
  enum class Role : std::uint8_t { kRelay, kCredentials };

  enum class ListenerTransport : std::uint8_t { kUdp, kDtls, kTcp, kTls, kEdge };
  struct Listener {
    ListenerTransport transport = ListenerTransport::kUdp;
    base::IpAddress address;
    std::uint16_t port = 0;
    // Whose PROXY protocol headers are believed, and required; never an empty list.
    std::optional<std::vector<base::IpPrefix>> trusted_proxies;

    friend bool operator==(const Listener&, const Listener&) = default;
  };

  // Relative paths have been put behind the configuration's folder.
  struct Certificate {
    std::string certificate_path;
    std::string private_key_path;

    friend bool operator==(const Certificate&, const Certificate&) = default;
  };
  struct Tls {
    std::vector<Certificate> certificates;
  };

  enum class Datapath : std::uint8_t { kAuto, kUserspace, kXdp, kTc };
  enum class HopLimit : std::uint8_t { kDecrement, kDefault };
  struct ExternalAddress {
    base::IpAddress internal;
    base::IpAddress external;

    friend bool operator==(const ExternalAddress&, const ExternalAddress&) = default;
  };
  struct Relay {
    std::vector<base::IpAddress> addresses;  // empty: those of the default routes
    std::vector<ExternalAddress> external_addresses;
    std::string external_addresses_auto;  // "stun:host:port", or empty
    std::uint16_t min_port = 49152;
    std::uint16_t max_port = 65535;
    Datapath datapath = Datapath::kAuto;
    HopLimit hop_limit = HopLimit::kDecrement;
    std::chrono::microseconds busy_poll{0};
  };

  struct Peers {
    std::vector<base::IpPrefix> allow;
    std::vector<base::IpPrefix> deny;
  };

  enum class ExpiredRefresh : std::uint8_t { kGrace, kRefuse };
  struct AccessTokenKey {
    std::string kid;
    std::string algorithm = "A256GCM";
    std::string key_base64;  // of as many octets as the algorithm wants

    friend bool operator==(const AccessTokenKey&, const AccessTokenKey&) = default;
  };
  // RFC 7635; off without keys.
  struct AccessTokens {
    std::string server_name;
    std::vector<AccessTokenKey> keys;
  };
  struct Auth {
    std::vector<auth::StaticUser> users;  // keys only: passwords are gone after loading
    std::vector<auth::SharedSecret> shared_secrets;
    ExpiredRefresh expired_refresh = ExpiredRefresh::kGrace;
    std::chrono::seconds expired_refresh_max = std::chrono::hours(12);
    AccessTokens access_tokens;
  };

  struct Limits {
    std::uint32_t allocations = 16000;
    std::uint32_t allocations_per_user = 300;
    std::uint32_t allocations_per_tenant = 0;
    std::uint32_t allocations_per_source = 0;
    std::uint32_t permissions_per_allocation = 64;
    std::uint32_t channels_per_allocation = 64;
    std::uint32_t connections_per_allocation = 64;
    std::uint64_t bandwidth_per_allocation_bits_per_second = 50'000'000;
    std::uint32_t packets_per_allocation_per_second = 10'000;
    std::uint64_t bandwidth_per_user_bits_per_second = 0;
    std::uint32_t packets_per_user_per_second = 0;
    std::uint64_t bandwidth_total_bits_per_second = 0;
    std::uint32_t packets_total_per_second = 0;
    std::uint32_t connections_per_source = 1000;
    std::uint32_t challenges_per_source_rate = 200;  // a second
    std::uint32_t challenges_per_source_burst = 1000;
  };

  struct Clients {
    std::vector<base::IpPrefix> deny;
  };

  struct Lifetimes {
    std::chrono::seconds default_lifetime{600};
    std::chrono::seconds max{3600};
    std::chrono::seconds nonce{3600};
    std::chrono::seconds permission{300};
    std::chrono::seconds channel{600};
  };

  enum class ChannelNumbers : std::uint8_t { kRfc8656, kRfc5766 };
  enum class Software : std::uint8_t { kNever, kAuthenticated, kAlways };
  // RFC 5780; off without an alternate address. The first listener over plain UDP is the primary.
  struct NatDiscovery {
    std::optional<base::IpAddress> alternate_address;
    std::uint16_t alternate_port = 3479;
    bool padding = false;
    bool response_port = false;
  };
  struct Protocol {
    ChannelNumbers channel_numbers = ChannelNumbers::kRfc8656;
    Software software = Software::kAuthenticated;
    bool classic_stun = true;
    bool udp_relay = true;
    bool tcp_relay = false;
    bool mobility = false;
    bool password_algorithms = true;
    bool username_anonymity = true;
    NatDiscovery nat_discovery;
  };

  struct Issuer {
    std::string issuer;         // one of the two
    std::string issuer_suffix;  // one label before it, https only
    std::string audience;
    std::vector<std::string> algorithms;
    std::string tenant_claim;  // empty: the first label of the issuer's host
    std::string mint_scope = "turn:credentials";
    std::string admin_scope = "turn:admin";

    friend bool operator==(const Issuer&, const Issuer&) = default;
  };
  struct ApiKey {
    std::string key;
    std::string tenant;

    friend bool operator==(const ApiKey&, const ApiKey&) = default;
  };
  // So many in so much time.
  struct Rate {
    std::uint32_t count = 0;
    std::chrono::seconds period{1};

    friend bool operator==(const Rate&, const Rate&) = default;
  };
  struct Credentials {
    base::IpAddress listener_address = base::IpAddress::FromV4({127, 0, 0, 1});
    std::uint16_t listener_port = 8080;
    bool listener_tls = false;
    std::vector<Issuer> issuers;
    std::chrono::seconds default_ttl = std::chrono::hours(1);
    std::chrono::seconds max_ttl = std::chrono::hours(12);
    Rate mints_per_subject{10, std::chrono::seconds(1)};
    Rate mints_per_source{100, std::chrono::seconds(1)};
    Rate mints_per_tenant{1000, std::chrono::seconds(1)};
    std::vector<std::string> allowed_origins;
    std::string http_proxy;
    std::string ca_file;
    std::vector<ApiKey> api_keys;
    std::string subject_key;  // empty: made from the shared secret
  };

  struct Fleet {
    std::string registry = "memory";
    std::string password;
    std::vector<std::string> read;
  };

  // The connectivity page on the edge listeners (docs/check-page.md).
  struct CheckPage {
    bool is_enabled = false;
  };

  struct Metrics {
    base::IpAddress address = base::IpAddress::FromV4({127, 0, 0, 1});
    std::uint16_t port = 9641;
  };
  struct Admin {
    std::string socket = "/run/senso-turn/admin.sock";
  };
  struct State {
    std::string directory = "/var/lib/senso-turn";
  };
  struct Process {
    bool is_sandboxed = true;
  };
  struct Drain {
    std::chrono::seconds deadline = std::chrono::hours(1);
  };

  enum class RedirectWhen : std::uint8_t { kDraining, kAlways };
  struct Redirect {
    RedirectWhen when = RedirectWhen::kDraining;
    std::vector<base::Endpoint> servers;
    std::string domain;  // empty: the certificates over there have the names of those here
  };

  enum class LogFormat : std::uint8_t { kText, kJson };
  enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError };
  struct Log {
    LogFormat format = LogFormat::kText;
    LogLevel level = LogLevel::kInfo;
  };

  std::vector<Role> roles{Role::kRelay, Role::kCredentials};
  std::string realm = "senso-turn";
  std::string region;
  std::string node;          // the name handed to clients; empty: the relay address
  std::uint32_t shards = 0;  // 0: one per usable core
  std::vector<Listener> listeners = DefaultListeners();
  // False when no listener was written anywhere: then `listeners` is the default list, and what
  // cannot be opened (TLS without a certificate, IPv6 on a host without it) is left out instead of
  // fatal.
  bool listeners_were_given = false;
  Tls tls;
  Relay relay;
  Peers peers;
  Auth auth;
  Limits limits;
  Clients clients;
  Lifetimes lifetimes;
  Protocol protocol;
  Credentials credentials;
  Fleet fleet;
  CheckPage check_page;
  Metrics metrics;
  Admin admin;
  State state;
  Process process;
  Drain drain;
  Redirect redirect;
  Log log;

  // Seven on 0.0.0.0 and the same seven on [::].
  static std::vector<Listener> DefaultListeners();
};

// As in the configuration: "udp", "dtls", "tcp", "tls", "edge".
std::string_view TransportName(Config::ListenerTransport transport);

// Whether clients are relayed by this process.
bool IsRelay(const Config& config);

// Whether this process has the credential API: by its role, and because somebody could use it.
bool OffersCredentials(const Config& config);

// The first listener over plain UDP, whose address and port are the first ones of NAT discovery.
// nullptr: there is none. It lives as long as the configuration.
const Config::Listener* FirstUdpListener(const Config& config);

// Whether it takes nothing in the clear: dtls, tls, edge.
bool NeedsCertificate(Config::ListenerTransport transport);

// "udp 0.0.0.0:3478": for logs and summaries.
std::string ToString(const Config::Listener& listener);

}  // namespace relay
