#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/base/aead.h"
#include "protocol/base/bytes.h"
#include "protocol/base/random.h"
#include "protocol/turn/nonce.h"

namespace turn {

// What a mobility ticket names: an allocation, by a number that the Ledger gave it.
struct MobileId {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(const MobileId&, const MobileId&) = default;
};

// A ticket as clients have it, the value of MOBILITY-TICKET (RFC 8016 section 3.3): a nonce, and
// the id under AES-256-GCM. It tells nothing to anybody else, not even whether two are of one
// allocation. There are clients that take it for text of at most 32 characters: none is longer, and
// none has an octet that is zero.
using SealedTicket = std::array<std::uint8_t, base::kAesGcmNonceBytes + 4 + base::kAesGcmTagBytes>;
static_assert(std::tuple_size_v<SealedTicket> == 32);

// Seals tickets and opens them. Every shard of the process opens what another one sealed.
class MobilityTickets {
 public:
  // The key of tickets is derived from the one of nonces, so that they are one secret to share.
  explicit MobilityTickets(const NonceKey& key);

  // A new one each time.
  SealedTicket Seal(MobileId id, base::RandomSource& random) const;
  // nullopt: not sealed by this process. `value` is any octets from the network.
  std::optional<MobileId> Open(base::Bytes value) const;

 private:
  std::array<std::uint8_t, 32> key_;
};

}  // namespace turn
