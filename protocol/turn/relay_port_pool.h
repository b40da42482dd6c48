#pragma once

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
// port that rested longest is given out. Every port has one owner. Not thread-safe.
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
  struct Port {
    bool exists = false;
    bool taken = false;
    base::MonotonicTime rests_until{};
  };
  bool IsFree(std::uint32_t port) const;
  bool Fits(std::uint32_t port, Request request) const;

  std::uint16_t min_;
  std::vector<Port> ports_;
  std::size_t size_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace turn
