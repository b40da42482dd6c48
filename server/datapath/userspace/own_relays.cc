#include "server/datapath/userspace/own_relays.h"

#include <algorithm>

namespace relay {

void OwnRelays::Add(const base::Endpoint& address, const Place& place) {
  const std::lock_guard lock(mutex_);
  entries_.insert_or_assign(address, Entry{place.socket, ReaderOf(place.is_in_round)});
}

void OwnRelays::Remove(const base::Endpoint& address, int socket) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(address);
  if (found != entries_.end() && found->second.socket == socket) entries_.erase(found);
}

std::optional<OwnRelays::Place> OwnRelays::Find(const base::Endpoint& address) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(address);
  if (found == entries_.end()) return std::nullopt;
  return Place{found->second.socket, readers_[found->second.reader]};
}

std::uint16_t OwnRelays::ReaderOf(const std::atomic<bool>* is_in_round) {
  const auto known = std::find(readers_.begin(), readers_.end(), is_in_round);
  const auto reader = static_cast<std::uint16_t>(known - readers_.begin());
  if (known == readers_.end()) readers_.push_back(is_in_round);
  return reader;
}

}  // namespace relay
