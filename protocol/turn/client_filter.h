#pragma once

#include "protocol/base/five_tuple.h"
#include "protocol/turn/policy.h"

namespace turn {

// Whether this client gets no answer of any kind: an address that no client can have (an answer
// would hit bystanders, ourselves, or nobody), or one that the operator denies (Policy::
// denied_clients). The engine asks for every message; transports that must answer before there is a
// message, such as (D)TLS, ask by themselves.
bool IsRefusedClient(const Policy& policy, const base::FiveTuple& five_tuple);

}  // namespace turn
