#pragma once

#include <optional>
#include <string>

#include "protocol/base/random.h"
#include "protocol/base/result.h"
#include "protocol/turn/peer_policy.h"
#include "server/doctor/finding.h"

namespace relay {

// What is known of a relay address.
struct AddressFacts {
  turn::RelayAddress address;
  bool is_on_interface = false;
  // Who was asked how the world sees it; empty: nobody.
  std::string asked;
  std::optional<base::IpAddress> seen;  // what came back
  std::string trouble;                  // why nothing did
};

// `stun` is a server outside, "host:port"; nullopt: nobody is asked.
AddressFacts ReadAddressFacts(const turn::RelayAddress& address,
                              const std::optional<std::string>& stun, base::RandomSource& random);

// Area "address". Pure.
Finding CheckAddress(const AddressFacts& facts);

}  // namespace relay
