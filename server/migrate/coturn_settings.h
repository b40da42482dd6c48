#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "server/migrate/address_set.h"
#include "server/migrate/conf_reader.h"

namespace relay {

// What a turnserver.conf says, as far as there is an equivalent; entries where a later note has to
// name the line.
struct CoturnSettings {
  struct External {
    ConfEntry entry;
    base::IpAddress external;
    std::optional<base::IpAddress> internal;
  };
  struct User {
    ConfEntry entry;
    std::string name;
    std::string password;  // one of the two
    std::string key_hex;
  };
  struct Secret {
    ConfEntry entry;
    std::string secret;
  };
  template <typename T>
  struct Written {
    ConfEntry entry;
    T value;
  };

  // Listeners; a port of 0 is the default.
  std::vector<base::IpAddress> listening_addresses;
  std::uint16_t port = 3478;
  std::uint16_t tls_port = 5349;
  std::vector<base::Endpoint> auxiliary;
  std::optional<Written<std::uint16_t>> proxy_port;
  std::optional<Written<std::uint16_t>> alternate_port;
  std::optional<ConfEntry> rfc5780;
  bool no_rfc5780 = false;
  bool no_udp = false;
  bool no_tcp = false;
  bool no_tls = false;
  bool no_dtls = false;

  std::optional<ConfEntry> certificate;
  std::optional<ConfEntry> private_key;
  bool is_key_encrypted = false;

  std::vector<base::IpAddress> relay_addresses;
  std::vector<External> externals;
  std::optional<Written<std::uint16_t>> min_port;
  std::optional<Written<std::uint16_t>> max_port;
  std::optional<std::uint64_t> relay_threads;
  std::optional<std::uint64_t> cpus;

  AddressSet allowed_peers;
  AddressSet denied_peers;
  bool allows_loopback_peers = false;

  std::optional<std::string> realm;
  std::optional<std::string> server_name;
  bool uses_access_tokens = false;
  bool uses_auth_secret = false;
  bool has_database = false;
  std::optional<ConfEntry> no_auth;
  std::optional<ConfEntry> stun_only;
  std::vector<User> users;
  std::vector<Secret> secrets;

  std::optional<std::uint64_t> user_quota;
  std::optional<std::uint64_t> total_quota;
  std::optional<std::uint64_t> max_bits_per_second;       // of an allocation
  std::optional<std::uint64_t> capacity_bits_per_second;  // of the server
  std::optional<std::uint64_t> challenges_per_second;

  std::optional<std::uint64_t> nonce_seconds;
  std::optional<std::uint64_t> max_lifetime_seconds;
  std::optional<std::uint64_t> channel_seconds;
  std::optional<std::uint64_t> permission_seconds;

  bool no_udp_relay = false;
  bool no_tcp_relay = false;
  bool mobility = false;
  bool hides_software = false;
  bool rfc5766_channel_numbers = false;
  std::optional<bool> classic_stun;

  std::vector<base::Endpoint> alternate_servers;

  bool prometheus = false;
  std::optional<std::uint16_t> prometheus_port;
  std::optional<base::IpAddress> prometheus_address;
  std::string log_level;  // as here; empty: not written
};

}  // namespace relay
