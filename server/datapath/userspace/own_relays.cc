#include "server/datapath/userspace/own_relays.h"

namespace relay {

void OwnRelays::Add(const base::Endpoint& address, const Place& place) {
  const std::lock_guard lock(mutex_);
  places_.insert_or_assign(address, place);
}

void OwnRelays::Remove(const base::Endpoint& address, int socket) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(address);
  if (found != places_.end() && found->second.socket == socket) places_.erase(found);
}

std::optional<OwnRelays::Place> OwnRelays::Find(const base::Endpoint& address) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(address);
  if (found == places_.end()) return std::nullopt;
  return found->second;
}

}  // namespace relay
