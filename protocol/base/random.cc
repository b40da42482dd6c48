#include "protocol/base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace base {
namespace {

void ReadSystemRandom(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    CHECK(count > 0);
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

std::uint32_t RandomSource::Below(std::uint32_t bound) {
  CHECK(bound != 0);
  // A 32-bit draw times the bound, high half kept. Draws whose low half falls into the uneven rest
  // at the bottom are thrown away, so that each result stands for equally many draws.
  const std::uint32_t uneven = (0 - bound) % bound;
  while (true) {
    std::array<std::uint8_t, 4> octets;
    Fill(octets);
    std::uint32_t draw;
    std::memcpy(&draw, octets.data(), sizeof(draw));
    const std::uint64_t product = std::uint64_t{draw} * bound;
    if (static_cast<std::uint32_t>(product) >= uneven)
      return static_cast<std::uint32_t>(product >> 32);
  }
}

OsRandom::~OsRandom() { WipeMemory(block_); }

void OsRandom::Fill(MutableBytes out) {
  if (out.size() > block_.size()) {
    ReadSystemRandom(out);
    return;
  }
  while (!out.empty()) {
    if (used_ == block_.size()) {
      ReadSystemRandom(block_);
      used_ = 0;
    }
    const std::size_t count = std::min(out.size(), block_.size() - used_);
    std::memcpy(out.data(), block_.data() + used_, count);
    WipeMemory(MutableBytes(block_).subspan(used_, count));
    used_ += count;
    out = out.subspan(count);
  }
}

}  // namespace base
