#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"

namespace loadgen {

enum class Mode : std::uint8_t {
  kAllocate,      // allocations only: no permission, no traffic
  kChannel,       // ChannelData to a peer socket
  kSend,          // Send and Data indications
  kRelayToRelay,  // ChannelData between pairs of allocations
  kDirect,        // no server: bare payloads between clients and peers, to measure all the rest
};
enum class Transport : std::uint8_t { kUdp, kTcp, kTls };
enum class Direction : std::uint8_t { kUp, kDown, kBoth, kEcho };

// What the command line asks for. Zero means "not given" where a member says so.
struct Options {
  std::string server = "127.0.0.1:3478";
  Transport transport = Transport::kUdp;

  std::string user;
  std::string password;
  std::string secret;
  std::string secret_file;
  std::string name = "load";  // in names made from a secret
  std::uint32_t users = 1;    // so many names made from a secret

  std::uint32_t allocations = 100;
  double setup_rate = 0;             // 0: as fast as answers come
  std::uint32_t setup_window = 256;  // sessions being set up, or released, at once
  std::uint32_t address_tries = 3;   // RFC 8656 section 7.4
  Mode mode = Mode::kChannel;
  int family = 0;               // 0: not asked for
  double lifetime_seconds = 0;  // 0: not asked for
  double refresh_seconds = 0;   // 0: from the lifetimes

  Direction direction = Direction::kBoth;
  double rate = 0;              // packets a second over all; 0: no open loop
  std::uint32_t window = 0;     // packets in flight per allocation; 0: none
  std::uint32_t in_flight = 0;  // packets in flight over all; 0: none
  std::size_t payload_bytes = 160;
  double duration_seconds = 10;
  bool is_hold = false;
  double churn_rate = 0;
  std::optional<double> max_loss_percent;

  std::optional<base::IpAddress> peer_address;
  std::string peer_namespace;  // file of the network namespace of the peer sockets; "": this one
  std::uint32_t peers = 1;
  std::vector<base::IpAddress> source_addresses;
  int socket_buffer_bytes = 4 << 20;
  int cpu = -1;                // -1: any
  std::vector<int> processes;  // whose time during the traffic is reported, too

  bool is_release = true;
  std::string json_file;  // "": none; "-": standard output
  bool is_quiet = false;

  bool is_stream() const { return transport != Transport::kUdp; }
  bool has_peers() const {
    return mode == Mode::kChannel || mode == Mode::kSend || mode == Mode::kDirect;
  }
  bool has_traffic() const { return rate > 0 || window > 0 || in_flight > 0; }
};

std::string_view ModeName(Mode mode);
std::string_view TransportName(Transport transport);
std::string_view DirectionName(Direction direction);

// Either options, or an exit code when the program is done: 0 after --help and --version, 2 for
// wrong usage, which has been explained on standard error.
struct ParsedOptions {
  std::optional<Options> options;
  int exit_code = 0;
};
ParsedOptions ParseOptions(int argc, const char* const* argv);

}  // namespace loadgen
