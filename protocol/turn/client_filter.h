#pragma once

#include "protocol/base/five_tuple.h"
#include "protocol/turn/policy.h"

namespace turn {

// Whether this client gets no answer of any kind: an address that no client can have (an answer
// would hit bystanders, ourselves, or nobody), or one that the operator denies (Policy::
// denied_clients). The engine asks for every message; transports that must answer before there is a
// message, such as (D)TLS, ask by themselves.
bool IsRefusedClient(const Policy& policy, const base::FiveTuple& five_tuple);

// Whether the client's packets come in a tunnel of 6to4 or Teredo, which multiplies one packet by
// its encapsulation (RFC 8656 section 21.4).
bool IsTunnelled(const base::IpAddress& client);

}  // namespace turn
