#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/turn/mobility_ticket.h"
#include "tests/support/seeded_random.h"

// Any octets as the value of MOBILITY-TICKET, which nobody has sealed with that key, and a ticket
// of ours with what the input says was done to it: only the ticket itself opens.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const turn::MobilityTickets tickets(turn::NonceKey{{1, 2, 3}});
  static const turn::MobilityTickets others(turn::NonceKey{{1, 2, 4}});
  const base::Bytes octets(data, size);
  // Under the other key a fuzzer finds tickets where it sees them compared.
  CHECK(!others.Open(octets));
  if (size < 8) return 0;

  turn::MobileId id;
  std::memcpy(&id.value, data, sizeof(id.value));
  std::uint32_t seed = 0;
  std::memcpy(&seed, data + sizeof(id.value), sizeof(seed));
  test_support::SeededRandom random(seed);
  const turn::SealedTicket sealed = tickets.Seal(id, random);
  CHECK(std::ranges::find(sealed, 0) == sealed.end());
  CHECK(tickets.Open(sealed) == id);
  CHECK(!others.Open(sealed));

  // Each further octet changes one of the ticket's, and the last one may cut it.
  turn::SealedTicket changed = sealed;
  for (std::size_t i = 8; i < size; ++i) changed[i % changed.size()] ^= data[i];
  CHECK((tickets.Open(changed) == id) == (changed == sealed));
  CHECK(!tickets.Open(base::Bytes(sealed).first(data[size - 1] % sealed.size())));
  return 0;
}
