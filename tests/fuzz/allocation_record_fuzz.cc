#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "protocol/base/check.h"
#include "protocol/turn/allocation_record.h"

// Any octets as what another process hands over: refused, or something that is written as it was
// read. The first octet chooses what they are taken for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::Bytes octets(data + 1, size - 1);
  if (data[0] == 'r') {
    if (const auto held = turn::DecodeReservation(octets))
      CHECK(std::ranges::equal(turn::EncodeReservation(*held), octets));
    return 0;
  }
  if (const auto allocation = turn::DecodeAllocation(octets)) {
    // Sets are sorted when they are written.
    const auto written = turn::EncodeAllocation(*allocation);
    CHECK(written.size() == octets.size());
    const auto again = turn::DecodeAllocation(written);
    CHECK(again != nullptr && std::ranges::equal(turn::EncodeAllocation(*again), written));
  }
  return 0;
}
