#include "protocol/base/hash.h"

#include <array>

#include "protocol/base/bytes.h"
#include "protocol/base/random.h"

namespace base {
namespace {

__extension__ using Uint128 = unsigned __int128;

struct HashSecret {
  std::uint64_t start;
  std::uint64_t word;
  std::uint64_t finish;
};

HashSecret DrawSecret() {
  std::array<std::uint8_t, 24> random;
  OsRandom().Fill(random);
  std::array<std::uint64_t, 3> words{};
  for (std::size_t i = 0; i < random.size(); ++i) words[i / 8] = (words[i / 8] << 8) | random[i];
  // The lowest bit keeps a factor from being zero.
  return {words[0], words[1] | 1, words[2] | 1};
}

const HashSecret& Secret() {
  static const HashSecret secret = DrawSecret();
  return secret;
}

// The 128-bit product folded in half: a single multiplication in which high bits reach low ones and
// the reverse.
std::uint64_t Fold(std::uint64_t left, std::uint64_t right) {
  const Uint128 product = static_cast<Uint128>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::size_t HashWords(std::initializer_list<std::uint64_t> words) noexcept {
  const HashSecret& secret = Secret();
  std::uint64_t state = secret.start;
  for (const std::uint64_t word : words) state = Fold(state ^ word, secret.word) + word;
  return static_cast<std::size_t>(Fold(state ^ words.size(), secret.finish));
}

}  // namespace base
