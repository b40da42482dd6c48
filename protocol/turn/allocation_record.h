#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/turn/allocation.h"
#include "protocol/turn/ledger.h"

// Allocations and reservations as octets, for a process that takes them over from another one on
// the same host (docs/adr/0018). Times are those of CLOCK_MONOTONIC, which both processes have in
// common. Sockets are no part of it: they travel beside it, a descriptor for each relay.
namespace turn {

// Another layout is another number: whoever reads a record asks for it first.
inline constexpr std::uint16_t kRecordVersion = 1;

// The octets of an allocation. Only those of clients over UDP or TCP have any business here; what
// is pending of a move (RFC 8016) is left out.
std::vector<std::uint8_t> EncodeAllocation(const Allocation& allocation);

// The reverse, for octets that anybody may have written: nullptr if they are not exactly one
// allocation that could exist. Handles of relays are kNoRelay, for the caller to replace, IPv4
// first.
std::unique_ptr<Allocation> DecodeAllocation(base::Bytes octets);

// A reservation and the token that it is held under.
struct HeldReservationRecord {
  stun::ReservationToken token;
  Reservation reservation;
};
std::vector<std::uint8_t> EncodeReservation(const HeldReservationRecord& held);
// As DecodeAllocation.
std::optional<HeldReservationRecord> DecodeReservation(base::Bytes octets);

// What a decoded relay has for a handle.
inline constexpr RelayHandle kNoRelay{-1};

// Bounds of what is read: longer names cannot be in a STUN message (RFC 8489 section 14.3), and
// there are no more channels than numbers.
struct RecordLimits {
  static constexpr std::size_t kNameBytes = 1024;
  static constexpr std::size_t kKeyBytes = 256;
  static constexpr std::size_t kPermissions = 65536;
  static constexpr std::size_t kChannels = 16384;
};

}  // namespace turn
