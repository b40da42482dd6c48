#include "protocol/turn/peer_connection_table.h"

#include <algorithm>
#include <utility>

#include "protocol/base/check.h"

namespace turn {
namespace {

template <typename Map, typename Key>
PeerConnection* PointerAt(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &*found->second;
}

}  // namespace

PeerConnection* PeerConnectionTable::Find(ConnectionId id) const {
  return PointerAt(by_id_, id.value);
}

PeerConnection* PeerConnectionTable::FindByHandle(PeerConnectionHandle handle) const {
  return PointerAt(by_handle_, handle.value);
}

PeerConnection* PeerConnectionTable::FindByPeer(const Allocation& allocation,
                                                const PeerAddress& peer) const {
  const auto found = by_allocation_.find(&allocation);
  if (found == by_allocation_.end()) return nullptr;
  const auto connection = std::ranges::find(found->second, peer, &PeerConnection::peer);
  return connection == found->second.end() ? nullptr : *connection;
}

std::size_t PeerConnectionTable::CountOf(const Allocation& allocation) const {
  const auto found = by_allocation_.find(&allocation);
  return found == by_allocation_.end() ? 0 : found->second.size();
}

PeerConnection& PeerConnectionTable::Insert(std::unique_ptr<PeerConnection> connection) {
  const std::uint32_t id = connection->id.value;
  const auto [place, is_new] = by_id_.emplace(id, std::move(connection));
  CHECK(is_new);
  PeerConnection& inserted = *place->second;
  by_handle_[inserted.handle.value] = &inserted;
  by_allocation_[&inserted.allocation].push_back(&inserted);
  return inserted;
}

void PeerConnectionTable::NoteJoined(PeerConnection& connection) {
  by_handle_.erase(connection.handle.value);
  connection.handle = {};
  connection.state = PeerConnection::State::kJoined;
}

void PeerConnectionTable::Erase(const PeerConnection& connection) {
  if (connection.state != PeerConnection::State::kJoined) by_handle_.erase(connection.handle.value);
  const auto found = by_allocation_.find(&connection.allocation);
  std::erase(found->second, &connection);
  if (found->second.empty()) by_allocation_.erase(found);
  by_id_.erase(connection.id.value);
}

}  // namespace turn
