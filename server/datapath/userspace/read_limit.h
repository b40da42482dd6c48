#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace relay {

// How many datagrams to ask a socket for at once: one, or as many as there may be. The system's
// search for a datagram that is not there costs a third of what one costs to read, however many
// were asked for, and most sockets have one at a time. But a burst that is read bit by bit also
// leaves in pieces. So a socket is asked for more when it was at once ready again after it gave
// one, and as long as it mostly has more; where one is all that there is, more is tried ever more
// seldom.
//
// A round is one look at all sockets; rounds without a look in vain between them have consecutive
// numbers, others have not.
class ReadLimit {
 public:
  static constexpr std::size_t kMost = 64;

  std::size_t value() const { return limit_; }

  // The socket is ready in this round.
  void OnReady(std::uint8_t round) {
    if (round == static_cast<std::uint8_t>(single_round_ + 1)) limit_ = kMost;
  }

  // `count` were read when at most value() were asked for. None says nothing: the socket had been
  // emptied before.
  void OnRead(std::size_t count, std::uint8_t round) {
    if (count > 1) {
      limit_ = kMost;
      patience_ = 1;
      stragglers_ = kStragglers;
    } else if (count == 1) {
      OnSingle(round);
    }
  }

 private:
  static constexpr std::uint8_t kMostPatience = 64;
  static constexpr std::uint8_t kStragglers = 4;

  void OnSingle(std::uint8_t round) {
    if (limit_ == 1) {
      single_round_ = round;
      if (++singles_ < patience_) return;
      limit_ = kMost;
      singles_ = 0;
    } else if (stragglers_ > 0) {
      --stragglers_;
    } else {
      limit_ = 1;
      patience_ = std::min<std::uint8_t>(2 * patience_, kMostPatience);
    }
  }

  std::uint8_t limit_ = 1;
  std::uint8_t patience_ = 1;      // single datagrams before it tries for more
  std::uint8_t singles_ = 0;       // so far
  std::uint8_t stragglers_ = 0;    // single datagrams that may come among bursts
  std::uint8_t single_round_ = 0;  // in which it was last asked for one and gave it
};

}  // namespace relay
