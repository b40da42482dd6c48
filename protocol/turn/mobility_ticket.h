#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/base/aead.h"
#include "protocol/base/bytes.h"
#include "protocol/base/random.h"
#include "protocol/turn/nonce.h"

namespace turn {

// What a mobility ticket says (RFC 8016 section 3.1.2).
struct MobilityTicket {
  std::uint64_t allocation_id = 0;
  // Counts the tickets of one allocation: each move spends one.
  std::uint32_t generation = 0;

  friend bool operator==(const MobilityTicket&, const MobilityTicket&) = default;
};

// A ticket as clients have it, the value of MOBILITY-TICKET: a nonce, and under AES-256-GCM what
// the ticket says. It tells nothing to anybody else, not even whether two are of one allocation.
using SealedTicket =
    std::array<std::uint8_t, base::kAesGcmNonceBytes + 8 + 4 + base::kAesGcmTagBytes>;

// Seals tickets and opens them. Every shard of the process opens what another one sealed.
class MobilityTickets {
 public:
  // The key of tickets is derived from the one of nonces, so that they are one secret to share.
  explicit MobilityTickets(const NonceKey& key);

  SealedTicket Seal(const MobilityTicket& ticket, base::RandomSource& random) const;
  // nullopt: not sealed by this process. `value` is any octets from the network.
  std::optional<MobilityTicket> Open(base::Bytes value) const;

 private:
  std::array<std::uint8_t, 32> key_;
};

}  // namespace turn
