#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace base {

// Where unpredictable bits come from: ports, nonces, tokens, keys. An interface because tests and
// the state-machine fuzzer need sequences that can be repeated.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void Fill(MutableBytes out) = 0;

  // Uniform in [0, bound); no modulo bias. `bound` must not be 0.
  std::uint32_t Below(std::uint32_t bound);
};

// The operating system's generator (getrandom), read in blocks; consumed bytes are wiped. Aborts if
// the system refuses, since nothing safe can go on. One object per thread.
class OsRandom final : public RandomSource {
 public:
  OsRandom() = default;
  ~OsRandom() override;
  // A copy would hand out the same bits twice.
  OsRandom(const OsRandom&) = delete;
  OsRandom& operator=(const OsRandom&) = delete;

  void Fill(MutableBytes out) override;

 private:
  std::array<std::uint8_t, 512> block_{};
  std::size_t used_ = sizeof(block_);
};

}  // namespace base
