#include "protocol/turn/event.h"

namespace turn {

std::string_view ToString(AuthFailure reason) {
  switch (reason) {
    case AuthFailure::kMissing:
      return "missing";
    case AuthFailure::kMalformed:
      return "malformed";
    case AuthFailure::kUnknownUser:
      return "unknown_user";
    case AuthFailure::kWrongIntegrity:
      return "wrong_integrity";
    case AuthFailure::kStaleNonce:
      return "stale_nonce";
    case AuthFailure::kExpired:
      return "expired";
    case AuthFailure::kBidDown:
      return "bid_down";
    case AuthFailure::kBadToken:
      return "bad_token";
    case AuthFailure::kRevoked:
      return "revoked";
  }
  return "unknown";
}

std::string_view ToString(CloseReason reason) {
  switch (reason) {
    case CloseReason::kExpired:
      return "expired";
    case CloseReason::kDeleted:
      return "deleted";
    case CloseReason::kClientGone:
      return "client_gone";
    case CloseReason::kDisconnected:
      return "disconnected";
    case CloseReason::kShutdown:
      return "shutdown";
    case CloseReason::kRevoked:
      return "revoked";
  }
  return "unknown";
}

std::string_view ToString(QuotaScope scope) {
  switch (scope) {
    case QuotaScope::kUser:
      return "user";
    case QuotaScope::kTenant:
      return "tenant";
    case QuotaScope::kSource:
      return "source";
    case QuotaScope::kTotal:
      return "total";
    case QuotaScope::kPorts:
      return "ports";
    case QuotaScope::kPermissions:
      return "permissions";
    case QuotaScope::kChannels:
      return "channels";
    case QuotaScope::kConnections:
      return "connections";
  }
  return "unknown";
}

std::string_view ToString(DropReason reason) {
  switch (reason) {
    case DropReason::kMalformed:
      return "malformed";
    case DropReason::kUnknownMethod:
      return "unknown_method";
    case DropReason::kBadFingerprint:
      return "bad_fingerprint";
    case DropReason::kUnknownAttribute:
      return "unknown_attribute";
    case DropReason::kNoAllocation:
      return "no_allocation";
    case DropReason::kNoClient:
      return "no_client";
    case DropReason::kNoPermission:
      return "no_permission";
    case DropReason::kNoChannel:
      return "no_channel";
    case DropReason::kPolicy:
      return "policy";
    case DropReason::kTooLarge:
      return "too_large";
    case DropReason::kRateLimited:
      return "rate_limited";
    case DropReason::kClientDenied:
      return "client_denied";
    case DropReason::kOverLimit:
      return "over_limit";
    case DropReason::kSendFailed:
      return "send_failed";
    case DropReason::kQueueFull:
      return "queue_full";
    case DropReason::kQueueExpired:
      return "queue_expired";
    case DropReason::kOversizedDatagram:
      return "oversized_datagram";
    case DropReason::kHopLimit:
      return "hop_limit";
    case DropReason::kBufferFull:
      return "buffer_full";
  }
  return "unknown";
}

}  // namespace turn
