#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/base/random.h"

namespace relay {

// What session tickets are sealed with (RFC 5077 section 4, RFC 8446 section 4.6.1). The same for
// every shard of the process, so that a client may resume wherever it lands; never written down.
struct TicketKey {
  std::array<std::uint8_t, 16> name;
  std::array<std::uint8_t, 32> encryption;
  std::array<std::uint8_t, 32> integrity;

  static TicketKey Generate(base::RandomSource& random);
};

// Tickets are sealed with `current` and opened with both, so that a change of keys costs nobody a
// resumption but those who stayed away for two periods.
struct TicketKeys {
  TicketKey current;
  std::optional<TicketKey> previous;
};

}  // namespace relay
