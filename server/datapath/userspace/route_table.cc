#include "server/datapath/userspace/route_table.h"

#include <cstring>

namespace relay {

RouteTable::ChannelKey RouteTable::MakeKey(const base::FiveTuple& client,
                                           stun::ChannelNumber channel) {
  ChannelKey key;
  std::memcpy(key.data(), client.client.address.octets().data(), 16);
  std::memcpy(&key[2], client.server.address.octets().data(), 16);
  key[4] = std::uint64_t{client.client.port} << 48 | std::uint64_t{client.server.port} << 32 |
           std::uint64_t{channel.value} << 16 | static_cast<std::uint64_t>(client.transport);
  return key;
}

RouteTable::PeerKey RouteTable::MakeKey(turn::RelayHandle relay, const base::Endpoint& peer) {
  PeerKey key;
  std::memcpy(key.data(), peer.address.octets().data(), 16);
  key[2] = std::uint64_t{static_cast<std::uint32_t>(relay.value)} << 32 | peer.port;
  return key;
}

void RouteTable::Install(const RouteEntry& entry) {
  if (RouteEntry* const old = FindByChannel(entry.client.five_tuple, entry.channel)) {
    if (old->handle == entry.handle && old->peer == entry.peer) {
      *old = entry;
      return;
    }
    // The channel was bound anew to another peer: the old direction back goes.
    Remove(KeyOf(*old));
  }
  const auto [place, is_new] = by_channel_.insert(std::make_unique<RouteEntry>(entry));
  by_peer_.erase(MakeKey(entry.handle, entry.peer.endpoint));
  by_peer_.insert(place->get());
}

void RouteTable::Remove(const turn::RouteKey& key) {
  const auto found = by_channel_.find(MakeKey(key.client.five_tuple, key.channel));
  if (found == by_channel_.end()) return;
  by_peer_.erase(MakeKey((*found)->handle, (*found)->peer.endpoint));
  by_channel_.erase(found);
}

RouteEntry* RouteTable::FindByChannel(const base::FiveTuple& client, stun::ChannelNumber channel) {
  const auto found = by_channel_.find(MakeKey(client, channel));
  return found == by_channel_.end() ? nullptr : found->get();
}

RouteEntry* RouteTable::FindByPeer(turn::RelayHandle relay, const base::Endpoint& peer) {
  const auto found = by_peer_.find(MakeKey(relay, peer));
  return found == by_peer_.end() ? nullptr : *found;
}

std::vector<turn::RouteKey> RouteTable::ListKeys() const {
  std::vector<turn::RouteKey> keys;
  keys.reserve(size());
  for (const auto& entry : by_channel_) keys.push_back(KeyOf(*entry));
  return keys;
}

}  // namespace relay
