#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base/five_tuple.h"
#include "protocol/base/ip_address.h"

// The closed sets of label values. The position in a list is the index into the array of counters
// beside it (shard_counters.h). Lists of reasons and scopes have the order of the enums in
// protocol/turn/event.h, so that a cast of the enumerator is the index; a test holds them together.
namespace relay {

template <std::size_t N>
using LabelValues = std::array<std::string_view, N>;

inline constexpr auto kTransportLabels =
    std::to_array<std::string_view>({"udp", "tcp", "tls", "dtls", "wss"});
inline constexpr auto kFamilyLabels = std::to_array<std::string_view>({"ipv4", "ipv6"});

inline constexpr auto kMethodLabels = std::to_array<std::string_view>(
    {"binding", "allocate", "refresh", "send", "data", "create_permission", "channel_bind",
     "connect", "connection_bind", "connection_attempt", "unknown"});
inline constexpr auto kOutcomeLabels = std::to_array<std::string_view>(
    {"success", "300", "400", "401", "403", "405", "420", "437", "438", "440", "441", "442", "443",
     "446", "447", "486", "500", "508"});

inline constexpr auto kAuthFailureLabels =
    std::to_array<std::string_view>({"missing", "malformed", "unknown_user", "wrong_integrity",
                                     "stale_nonce", "expired", "bid_down", "bad_token", "revoked"});
inline constexpr auto kCloseReasonLabels = std::to_array<std::string_view>(
    {"expired", "deleted", "client_gone", "disconnected", "shutdown", "revoked"});
inline constexpr auto kQuotaScopeLabels = std::to_array<std::string_view>(
    {"user", "tenant", "source", "total", "ports", "permissions", "channels", "connections"});
inline constexpr auto kDropReasonLabels = std::to_array<std::string_view>(
    {"malformed", "unknown_method", "bad_fingerprint", "unknown_attribute", "no_allocation",
     "no_client", "no_permission", "no_channel", "policy", "too_large", "rate_limited",
     "client_denied", "over_limit", "send_failed", "queue_full", "queue_expired",
     "oversized_datagram", "hop_limit", "buffer_full"});

enum class Direction : std::uint8_t { kClientToPeer, kPeerToClient };
inline constexpr auto kDirectionLabels =
    std::to_array<std::string_view>({"client_to_peer", "peer_to_client"});

// Transports with connections or associations: all but the first of kTransportLabels.
inline constexpr auto kConnectionTransportLabels =
    std::to_array<std::string_view>({"tcp", "tls", "dtls", "wss"});

// How a relayed packet went: datagrams through this process, datagrams inside the kernel, or a
// client's byte stream.
enum class RelayPath : std::uint8_t { kUserspace, kKernel, kStream };
inline constexpr auto kPathLabels =
    std::to_array<std::string_view>({"userspace", "kernel", "stream"});

enum class ConnectionRefusal : std::uint8_t {
  kSourceLimit,
  kClientDenied,
  kSystemLimit,
  kHandshakeLimit,  // too many unfinished handshakes: the oldest made room
  kProxyHeader,     // a trusted proxy sent no PROXY header, or a broken one
  kMemory,          // connections without an allocation kept too much: the oldest made room
};
inline constexpr auto kConnectionRefusalLabels = std::to_array<std::string_view>(
    {"source_limit", "client_denied", "system_limit", "handshake_limit", "proxy_header", "memory"});

enum class HandshakeOutcome : std::uint8_t { kSuccess, kFailure, kTimeout };
inline constexpr auto kHandshakeOutcomeLabels =
    std::to_array<std::string_view>({"success", "failure", "timeout"});

// Why the kernel datapath left a packet to userspace.
enum class KernelPass : std::uint8_t {
  kMiss,
  kExpired,
  kIpOptions,
  kFragment,
  kNoNeighbour,
  kOverMtu,
  kZeroChecksum,
  kMalformed,
  kPadded,
  kControl,  // not ChannelData: requests, indications, DTLS
  kSegmented,
  kVlan,
  kHandover,  // must not overtake what still waits in userspace
  kSystem,
};
inline constexpr auto kKernelPassLabels = std::to_array<std::string_view>(
    {"miss", "expired", "ip_options", "fragment", "no_neighbour", "over_mtu", "zero_checksum",
     "malformed", "padded", "control", "segmented", "vlan", "handover", "system"});

// What the control plane counts.
enum class ReloadOutcome : std::uint8_t { kSuccess, kFailure };
enum class RefreshOutcome : std::uint8_t { kSuccess, kFailure };
inline constexpr auto kSuccessLabels = std::to_array<std::string_view>({"success", "failure"});

// auth::BearerError, in its order.
inline constexpr auto kBearerFailureLabels = std::to_array<std::string_view>(
    {"malformed", "algorithm", "header", "issuer", "unknown_key", "signature", "audience",
     "expired", "not_yet_valid", "keys_unavailable"});

enum class IssueOutcome : std::uint8_t {
  kIssued,
  kUnauthenticated,
  kForbidden,
  kInvalid,
  kRateLimited,
  kUnavailable
};
inline constexpr auto kIssueOutcomeLabels = std::to_array<std::string_view>(
    {"issued", "unauthenticated", "forbidden", "invalid", "rate_limited", "unavailable"});

// An enumerator, or a label list's own index type, as a position.
template <typename Enum>
constexpr std::size_t LabelIndex(Enum value) {
  return static_cast<std::size_t>(value);
}
constexpr std::size_t LabelIndex(base::AddressFamily family) {
  return family == base::AddressFamily::kIpv6 ? 1 : 0;
}

// `method` is the 12-bit STUN method; one that is not ours is "unknown".
constexpr std::size_t MethodIndex(std::uint16_t method) {
  switch (method) {
    case 0x001:
      return 0;
    case 0x003:
      return 1;
    case 0x004:
      return 2;
    case 0x006:
      return 3;
    case 0x007:
      return 4;
    case 0x008:
      return 5;
    case 0x009:
      return 6;
    case 0x00a:
      return 7;
    case 0x00b:
      return 8;
    case 0x00c:
      return 9;
    default:
      return kMethodLabels.size() - 1;
  }
}

// `code` is a STUN error code, or 0 for a success response. A code that this server never sends
// counts as "500".
constexpr std::size_t OutcomeIndex(std::uint16_t code) {
  constexpr auto kCodes = std::to_array<std::uint16_t>(
      {0, 300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443, 446, 447, 486, 500, 508});
  static_assert(kCodes.size() == kOutcomeLabels.size());
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (kCodes[i] == code) return i;
  }
  return kCodes.size() - 2;
}

static_assert(kTransportLabels.size() == base::kTransportCount);
static_assert(kOutcomeLabels[OutcomeIndex(508)] == "508" &&
              kOutcomeLabels[OutcomeIndex(999)] == "500");
static_assert(kMethodLabels[MethodIndex(0x00c)] == "connection_attempt");

}  // namespace relay
