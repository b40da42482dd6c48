#pragma once

#include <cstdint>

namespace relay {

// When the hop limit of what a relay socket sends should become an option of the socket: what one
// client sends mostly has one value, and then no datagram has to say it in a control message. A
// value that is seen now and then is said with its datagrams; the option follows one that stays.
class SteadyHopLimit {
 public:
  // The socket's option; 0: the system's default.
  std::uint8_t value() const { return value_; }

  // Whether the option should change to `wanted`, that of the next datagram, before it is sent.
  // The default cannot be said in a control message.
  bool ShouldBecome(std::uint8_t wanted) {
    if (wanted == value_) {
      seen_ = 0;
      return false;
    }
    if (wanted != candidate_) seen_ = 0;
    candidate_ = wanted;
    return ++seen_ == kSteady || wanted == 0;
  }
  // The option has changed.
  void Set(std::uint8_t value) {
    value_ = value;
    seen_ = 0;
  }

 private:
  static constexpr std::uint8_t kSteady = 8;  // datagrams in a row

  std::uint8_t value_ = 0;
  std::uint8_t candidate_ = 0;
  std::uint8_t seen_ = 0;
};

}  // namespace relay
