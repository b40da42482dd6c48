#pragma once

#include <cstdint>
#include <optional>

namespace relay {

// How many datagrams a socket has lost in all, as the system last told.
class ReceiveDrops {
 public:
  ReceiveDrops() = default;
  explicit ReceiveDrops(std::uint32_t total) : total_(total) {}
  // Asks the system (SO_MEMINFO). nullopt: that is no socket.
  static std::optional<std::uint32_t> Ask(int socket);

  std::uint32_t total() const { return total_; }
  // What is new in a report. A datagram reports what was lost before it came (SO_RXQ_OVFL), which
  // may be less than what is known; totals begin anew after 2^32.
  std::uint32_t Learn(std::uint32_t reported) {
    const std::uint32_t news = reported - total_;
    if (news > UINT32_MAX / 2) return 0;
    total_ = reported;
    return news;
  }

 private:
  std::uint32_t total_ = 0;
};

}  // namespace relay
