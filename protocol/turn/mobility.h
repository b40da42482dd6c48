#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/five_tuple.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/mobility_ticket.h"

namespace turn {

// What an allocation with a mobility ticket has beyond others (RFC 8016).
struct Mobility {
  // Of the ticket that grants the next move. All before it are spent.
  std::uint32_t generation = 0;
  SealedTicket ticket{};

  // The Refresh that spent the ticket before, to be known again when it is retransmitted.
  struct Refresh {
    stun::TransactionId transaction_id;
    base::FiveTuple five_tuple;
    std::uint32_t generation;  // of the ticket that it brought
  };
  std::optional<Refresh> last_refresh;

  // Whom the allocation goes to as soon as that client speaks. One at a time.
  struct Destination {
    Client client;
    ShardIndex shard;  // where the client is
  };
  std::optional<Destination> pending;

  bool is_detached = false;  // see Allocation
};

}  // namespace turn
