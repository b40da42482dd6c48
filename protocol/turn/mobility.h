#pragma once

#include <optional>

#include "protocol/base/five_tuple.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/mobility_ticket.h"

namespace turn {

// What an allocation with a mobility ticket has beyond others (RFC 8016).
struct Mobility {
  MobileId id;
  // The one that grants the next move. All before it are spent.
  SealedTicket ticket{};

  // The Refresh that spent the ticket before, with that ticket, to be known again when it is
  // retransmitted.
  struct Refresh {
    stun::TransactionId transaction_id;
    base::FiveTuple five_tuple;
    SealedTicket ticket;
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
