#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"

namespace relay {

// Where two devices with the connectivity page leave each other messages, until they have a way of
// their own: rooms of two seats, each known by a random id that is the right to it. In memory only,
// and bounded in number, size and time. One thread.
class CheckRooms {
 public:
  static constexpr std::size_t kRooms = 256;
  static constexpr std::size_t kRoomsOfSource = 8;  // /32, /64
  static constexpr std::size_t kMessages = 4;       // from one seat
  static constexpr std::size_t kMessageBytes = 8 * 1024;
  static constexpr std::chrono::minutes kLifetime{10};

  // `random` must outlive the object.
  explicit CheckRooms(base::RandomSource& random) : random_(random) {}

  // The ids of both seats: for who opens it, and for whom is invited. nullopt: there are too many.
  std::optional<std::array<std::string, 2>> Open(const base::IpAddress& source,
                                                 base::MonotonicTime now);

  enum class Posted : std::uint8_t { kDone, kUnknown, kTooMuch };
  // Leaves a message for the other seat.
  Posted Post(std::string_view seat, std::string message, base::MonotonicTime now);
  // What the other seat has left, all of it, in order. nullptr: no such seat, or no more. Lives
  // until the next call.
  const std::vector<std::string>* Read(std::string_view seat, base::MonotonicTime now);

  std::size_t size() const { return rooms_.size(); }

 private:
  struct Room {
    std::array<std::string, 2> seats;
    std::array<std::vector<std::string>, 2> left_by;
    base::IpPrefix source;
    base::MonotonicTime ends_at;
  };
  struct Place {
    Room* room = nullptr;
    std::size_t seat = 0;
  };

  void RemoveEnded(base::MonotonicTime now);
  Place Find(std::string_view seat);

  base::RandomSource& random_;
  std::vector<Room> rooms_;
};

// The block of addresses that counts as one source: /32 of IPv4, /64 of IPv6.
base::IpPrefix SourceOf(const base::IpAddress& address);

}  // namespace relay
