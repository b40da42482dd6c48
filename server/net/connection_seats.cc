#include "server/net/connection_seats.h"

namespace relay {

ConnectionSeats::~ConnectionSeats() {
  for (const auto& [handle, seat] : seats_) {
    if (seat.source) census_.Leave(*seat.source);
  }
}

void ConnectionSeats::Take(std::uint32_t handle, base::Transport transport) {
  seats_[handle] = {.transport = transport, .source = {}};
  counters_.connections[LabelIndex(transport)].Add(1);
  Charge(handle, kClearBytes);
}

bool ConnectionSeats::Admit(std::uint32_t handle, const base::IpAddress& source) {
  if (!census_.Enter(source)) return false;
  seats_.at(handle).source = source;
  return true;
}

void ConnectionSeats::AdmitBeyondLimit(std::uint32_t handle, const base::IpAddress& source) {
  census_.EnterBeyondLimit(source);
  seats_.at(handle).source = source;
}

void ConnectionSeats::Change(std::uint32_t handle, base::Transport transport) {
  Seat& seat = seats_.at(handle);
  counters_.connections[LabelIndex(seat.transport)].Add(-1);
  seat.transport = transport;
  counters_.connections[LabelIndex(seat.transport)].Add(1);
}

void ConnectionSeats::Vacate(std::uint32_t handle) {
  const auto seat = seats_.find(handle);
  if (seat->second.source) census_.Leave(*seat->second.source);
  counters_.connections[LabelIndex(seat->second.transport)].Add(-1);
  if (seat->second.is_stranger) strangers_bytes_ -= seat->second.bytes;
  seats_.erase(seat);
}

void ConnectionSeats::SetStranger(std::uint32_t handle, bool is_stranger) {
  Seat& seat = seats_.at(handle);
  if (seat.is_stranger == is_stranger) return;
  seat.is_stranger = is_stranger;
  if (is_stranger)
    strangers_bytes_ += seat.bytes;
  else
    strangers_bytes_ -= seat.bytes;
}

void ConnectionSeats::Charge(std::uint32_t handle, std::size_t bytes) {
  Seat& seat = seats_.at(handle);
  if (seat.is_stranger) strangers_bytes_ = strangers_bytes_ - seat.bytes + bytes;
  seat.bytes = bytes;
}

}  // namespace relay
