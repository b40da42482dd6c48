#include "server/control/check_rooms.h"

#include <algorithm>
#include <utility>

#include "protocol/base/crypto.h"

namespace relay {
namespace {

std::string RandomId(base::RandomSource& random) {
  std::array<std::uint8_t, 16> octets;
  random.Fill(octets);
  return base::Base64UrlEncode(octets);
}

}  // namespace

base::IpPrefix SourceOf(const base::IpAddress& address) {
  return {address, address.is_v4() ? 128 : 64};
}

std::optional<std::array<std::string, 2>> CheckRooms::Open(const base::IpAddress& source,
                                                           base::MonotonicTime now) {
  RemoveEnded(now);
  const base::IpPrefix block = SourceOf(source);
  const auto of_source = std::ranges::count(rooms_, block, &Room::source);
  if (rooms_.size() >= kRooms || static_cast<std::size_t>(of_source) >= kRoomsOfSource)
    return std::nullopt;
  rooms_.push_back({{RandomId(random_), RandomId(random_)}, {}, block, now + kLifetime});
  return rooms_.back().seats;
}

CheckRooms::Posted CheckRooms::Post(std::string_view seat, std::string message,
                                    base::MonotonicTime now) {
  RemoveEnded(now);
  const Place place = Find(seat);
  if (place.room == nullptr) return Posted::kUnknown;
  std::vector<std::string>& left = place.room->left_by[place.seat];
  if (message.size() > kMessageBytes || left.size() >= kMessages) return Posted::kTooMuch;
  left.push_back(std::move(message));
  return Posted::kDone;
}

const std::vector<std::string>* CheckRooms::Read(std::string_view seat, base::MonotonicTime now) {
  RemoveEnded(now);
  const Place place = Find(seat);
  return place.room == nullptr ? nullptr : &place.room->left_by[1 - place.seat];
}

void CheckRooms::RemoveEnded(base::MonotonicTime now) {
  std::erase_if(rooms_, [now](const Room& room) { return room.ends_at <= now; });
}

CheckRooms::Place CheckRooms::Find(std::string_view seat) {
  for (Room& room : rooms_) {
    for (std::size_t i = 0; i < room.seats.size(); ++i) {
      if (base::ConstantTimeEqual(base::AsBytes(room.seats[i]), base::AsBytes(seat)))
        return {&room, i};
    }
  }
  return {};
}

}  // namespace relay
