#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "protocol/base/ip_address.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/message_type.h"
#include "protocol/turn/addresses.h"

// What the engine tells its surroundings for counters and logs. Views live during the call of
// Effects::Report only.
namespace turn {

// A request was answered, or would have been if the challenge limiter had not held the answer back.
struct RequestAnswered {
  stun::Method method;
  std::optional<stun::ErrorCode> error;  // nullopt: success
};

enum class AuthFailure : std::uint8_t {
  kMissing,    // no integrity attribute: the ordinary first request
  kMalformed,  // 400 of RFC 8489 section 9.2.4
  kUnknownUser,
  kWrongIntegrity,
  kStaleNonce,
  kExpired,   // the user name carries a date that is past, or the access token is not valid now
  kBidDown,   // PASSWORD-ALGORITHMS differs from what was offered
  kBadToken,  // an access token that none of the keys opens
  kRevoked,   // right, but taken away
};
inline constexpr int kAuthFailureCount = 9;
struct AuthenticationFailed {
  AuthFailure reason;
};

enum class CloseReason : std::uint8_t {
  kExpired,
  kDeleted,
  kClientGone,
  kDisconnected,
  kShutdown,
  kRevoked
};
inline constexpr int kCloseReasonCount = 6;
// One for each relayed transport address: a dual allocation reports two.
struct AllocationOpened {
  std::uint64_t allocation_id;
  const Client& client;
  std::string_view username;
  base::Endpoint relayed;  // as the world knows it
  std::string_view tenant = {};
  RelayHandle relay = {};
};
// What the relay has carried can still be asked; what it was given to forward is over.
struct AllocationClosed {
  std::uint64_t allocation_id;
  const Client& client;
  std::string_view username;
  base::Endpoint relayed;
  CloseReason reason;
  std::chrono::nanoseconds age;
  std::string_view tenant = {};
  RelayHandle relay = {};
};

// The allocation goes to another client, perhaps of another shard (RFC 8016): one with `delta` -1
// for whom it leaves, one with 1 for whom it comes to, for each relayed transport address.
struct AllocationMoved {
  std::uint64_t allocation_id;
  const Client& client;
  base::Endpoint relayed;
  int delta;
  std::string_view tenant = {};
  RelayHandle relay = {};
};

struct PermissionsChanged {
  std::int64_t delta;
};
struct ChannelsChanged {
  std::int64_t delta;
};

enum class QuotaScope : std::uint8_t {
  kUser,
  kTenant,
  kSource,
  kTotal,
  kPorts,
  kPermissions,
  kChannels,
  kConnections
};
inline constexpr int kQuotaScopeCount = 8;
struct QuotaRejected {
  QuotaScope scope;
};

// Control messages and datagrams that ended in silence. Datapaths count their own drops with the
// same reasons.
enum class DropReason : std::uint8_t {
  kMalformed,      // not STUN, or broken
  kUnknownMethod,  // or a class that the method does not have
  kBadFingerprint,
  kUnknownAttribute,  // in an indication
  kNoAllocation,
  kNoClient,  // of a peer: the allocation waits for its client to come back (RFC 8016)
  kNoPermission,
  kNoChannel,          // ChannelData on an unbound or expired channel
  kPolicy,             // the peer is denied
  kTooLarge,           // does not fit the message it would travel in
  kRateLimited,        // the challenge limiter
  kClientDenied,       // clients.deny, source port 0, multicast or broadcast source
  kOverLimit,          // bandwidth or packets per allocation
  kSendFailed,         // the system refused the datagram
  kQueueFull,          // a stream client reads too slowly
  kQueueExpired,       // the same: what waited became too old to be of use
  kOversizedDatagram,  // truncated by the system on receipt
  kHopLimit,           // its TTL, or hop limit, ends here
  kBufferFull,         // no room to send it: the network, or the interface, is too slow
};
inline constexpr int kDropReasonCount = 19;
struct PacketDropped {
  DropReason reason;
};

using Event = std::variant<RequestAnswered, AuthenticationFailed, AllocationOpened,
                           AllocationClosed, AllocationMoved, PermissionsChanged, ChannelsChanged,
                           QuotaRejected, PacketDropped>;

// Label values of the metrics: "expired", "no_permission" and so on.
std::string_view ToString(AuthFailure reason);
std::string_view ToString(CloseReason reason);
std::string_view ToString(QuotaScope scope);
std::string_view ToString(DropReason reason);

}  // namespace turn
