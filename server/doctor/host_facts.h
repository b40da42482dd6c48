#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace relay {

// What the kernel says of this host, as far as a relay depends on it. nullopt: it does not say,
// because the feature is not there or may not be read.
struct HostFacts {
  std::string local_port_range;      // ip_local_port_range: "32768 60999"
  std::string local_reserved_ports;  // ip_local_reserved_ports: "49152-65535"
  std::optional<std::uint64_t> conntrack_count;
  std::optional<std::uint64_t> conntrack_max;
  std::optional<std::uint64_t> receive_buffer_max_bytes;  // net.core.rmem_max
  std::optional<std::uint64_t> send_buffer_max_bytes;     // net.core.wmem_max
  std::uint64_t capabilities = 0;                         // the server's effective ones
  std::uint64_t open_files = 0;  // RLIMIT_NOFILE of the server; UINT64_MAX: no limit
};

// `proc` is where procfs is mounted. `server` is the running one, whose limits and capabilities
// count; nullopt: those that a server started from here would have.
HostFacts ReadHostFacts(const std::string& proc, std::optional<std::int32_t> server);

// The first line of a file; empty when there is none.
std::string ReadFirstLineOf(const std::string& path);

}  // namespace relay
