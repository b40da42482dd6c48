#pragma once

#include <cstdint>

#include "protocol/base/random.h"

namespace test_support {

// Octets that look random and are the same in every run (SplitMix64).
class SeededRandom final : public base::RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  void Fill(base::MutableBytes out) override {
    for (std::uint8_t& octet : out) {
      if (left_ == 0) {
        word_ = Next();
        left_ = sizeof(word_);
      }
      octet = static_cast<std::uint8_t>(word_);
      word_ >>= 8;
      --left_;
    }
  }

 private:
  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }

  std::uint64_t state_;
  std::uint64_t word_ = 0;
  int left_ = 0;
};

}  // namespace test_support
