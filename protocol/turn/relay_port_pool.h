#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/random.h"
#include "protocol/base/time.h"

namespace turn {

// The relay ports of one relay address: uniformly random choice (RFC 8656 section 7.2, RFC 6056),
// even ports and even/odd pairs on request, and a quarantine in which a returned port rests so that
// late datagrams for its last owner die out. Rest is a preference: when nothing else is free, the
// port that rested longest is given out. Every port has one owner. A port is found in constant
// time (amortised), however many there are and whatever they do; even ones and pairs are looked for
// when there are few. Not thread-safe.
class RelayPortPool {
 public:
  enum class Request : std::uint8_t {
    kAny,
    kEven,      // EVEN-PORT with R = 0
    kEvenPair,  // EVEN-PORT with R = 1: the even port is returned and the next one is taken with it
  };

  // Ports min..max, both included, without `excluded`.
  RelayPortPool(std::uint16_t min, std::uint16_t max, std::span<const std::uint16_t> excluded);

  // nullopt: none left that fits.
  std::optional<std::uint16_t> Take(Request request, base::RandomSource& random,
                                    base::MonotonicTime now);
  // Takes this very port, rested or not. False: it is taken, or not of this pool.
  bool Claim(std::uint16_t port);
  // The port was taken before; it rests for kQuarantine.
  void Return(std::uint16_t port, base::MonotonicTime now);
  // The port was taken before but the system would not bind it: it rests for kForeignQuarantine.
  void ReturnForeign(std::uint16_t port, base::MonotonicTime now);

  std::size_t size() const { return size_; }      // ports that the pool was made with
  std::size_t in_use() const { return in_use_; }  // taken and not returned

  static constexpr std::chrono::seconds kQuarantine{5};
  static constexpr std::chrono::seconds kForeignQuarantine{60};

 private:
  enum class State : std::uint8_t { kMissing, kTaken, kRested, kResting, kRestingForeign };
  using Place = std::uint32_t;
  static constexpr Place kNone = ~Place{0};
  struct Port {
    base::MonotonicTime rests_until{};
    Place place = kNone;   // kRested: in rested_
    Place before = kNone;  // kResting, kRestingForeign: neighbours in that list, by their positions
    Place after = kNone;   // in ports_
    State state = State::kMissing;
  };
  // Of one quarantine, by when it is over.
  struct RestingList {
    Place first = kNone;
    Place last = kNone;
  };

  std::uint16_t NumberOf(Place port) const { return static_cast<std::uint16_t>(min_ + port); }
  RestingList& ListOf(State state) { return state == State::kResting ? resting_ : foreign_; }
  bool IsFree(Place port) const;
  bool IsRested(Place port) const;
  bool IsPair(Place even) const;
  void Rest(std::uint16_t port, base::MonotonicTime until, State state);
  void Unlink(Place port);
  void AddRested(Place port);
  // A free port is nowhere any more.
  void Remove(Place port);
  // Those that have rested long enough.
  void WakeUp(base::MonotonicTime now);
  std::uint16_t Give(Place port);

  std::optional<std::uint16_t> TakeOne(Request request, base::RandomSource& random);
  std::optional<std::uint16_t> TakePair(base::RandomSource& random);
  // nullopt: none of those that rest.
  std::optional<Place> FindLongestRested(bool is_even) const;
  Place FirstIn(const RestingList& list, bool is_even) const;

  std::uint16_t min_;
  std::vector<Port> ports_;
  std::array<std::vector<Place>, 2> rested_;  // free and rested, in any order: even ones, odd ones
  RestingList resting_;
  RestingList foreign_;
  std::size_t size_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace turn
