#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/turn/allocation_record.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/net/shard_group.h"

// What all shards together give to another process, and take from one (docs/adr/0018).
namespace relay {
namespace {

// Something that is on its way between shards arrives within microseconds.
constexpr int kAttempts = 8;

bool IsOption(int socket, int option, int expected) {
  int value = 0;
  socklen_t length = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 && value == expected;
}

// Whether it is a datagram socket at this very address, which nobody who sends to others has.
bool IsRelaySocketAt(int socket, const base::Endpoint& address) {
  return IsOption(socket, SO_TYPE, SOCK_DGRAM) && LocalEndpoint(socket) == address;
}

}  // namespace

std::vector<Descriptor> ShardGroup::TakeInherited(bool is_datagram,
                                                  const base::Endpoint& endpoint) {
  const auto is_it = [&](const ListenerSockets<Descriptor>& each) {
    return each.is_datagram == is_datagram && each.endpoint == endpoint && !each.sockets.empty();
  };
  const auto found = std::ranges::find_if(inheritance_.listeners, is_it);
  if (found == inheritance_.listeners.end()) return {};
  if (is_datagram) {
    // The handle of its clients there, and here.
    const auto before = std::count_if(inheritance_.listeners.begin(), found,
                                      [](const auto& each) { return each.is_datagram; });
    const auto here = std::ranges::count(sockets_, true, &ListenerSockets<int>::is_datagram);
    const auto position = static_cast<std::size_t>(before);
    if (inherited_handles_.size() <= position) inherited_handles_.resize(position + 1);
    inherited_handles_[position] = turn::ClientHandle{static_cast<std::uint32_t>(here)};
  }
  return std::move(found->sockets);
}

base::Result<void> ShardGroup::CheckInheritance(std::size_t shards) const {
  for (const auto& each : inheritance_.listeners) {
    if (each.sockets.size() != shards) {
      return base::Error{"shards: the running server has " + std::to_string(each.sockets.size()) +
                         " and this configuration " + std::to_string(shards) +
                         ", which needs a restart"};
    }
  }
  return {};
}

base::Result<void> ShardGroup::CheckAllInherited() const {
  for (const auto& each : inheritance_.listeners) {
    if (each.sockets.empty()) continue;
    std::string left = "listeners: the running server listens on ";
    left += each.is_datagram ? "udp " : "tcp ";
    left += each.endpoint.ToString();
    left += ", which this configuration does not, and that needs a restart";
    return base::Error{std::move(left)};
  }
  return {};
}

base::Result<HeldStill> ShardGroup::HoldStill(base::MonotonicTime deadline) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto held = std::make_shared<StandStill>(shards_.size());
    for (const auto& shard : shards_)
      shard->mailbox().Post([held](Shard& holding) { holding.Hold(*held); });
    const bool is_still = held->WaitForAll(deadline);
    HeldStill guard(held);
    if (!is_still) return base::Error{"the shards did not stand still in time"};
    if (std::ranges::all_of(mailboxes_, &ShardMailbox::has_no_engine_message)) return guard;
  }
  return base::Error{"something was on its way between the shards each time"};
}

bool ShardGroup::RestoreAllocation(std::size_t shard, base::Bytes record,
                                   std::vector<Descriptor> sockets,
                                   std::span<const RelayTraffic> carried) {
  auto allocation = turn::DecodeAllocation(record);
  if (allocation == nullptr || shard >= shards_.size()) return false;
  // The handle of a connection is what it was.
  if (!allocation->is_detached() &&
      allocation->client.five_tuple.transport == base::Transport::kUdp) {
    const std::size_t handle = allocation->client.handle.value;
    if (handle >= inherited_handles_.size() || !inherited_handles_[handle]) return false;
    allocation->client.handle = *inherited_handles_[handle];
  }
  std::size_t relays = 0;
  bool is_right = true;
  for (const base::AddressFamily family :
       {base::AddressFamily::kIpv4, base::AddressFamily::kIpv6}) {
    turn::Relay* const relay = allocation->FindRelay(family);
    if (relay == nullptr) continue;
    is_right = is_right && relays < sockets.size() &&
               IsRelaySocketAt(sockets[relays].get(), relay->address.endpoint);
    if (is_right) relay->handle = {sockets[relays].get()};
    ++relays;
  }
  if (!is_right || relays != sockets.size()) return false;
  if (!shards_[shard]->Restore(std::move(allocation), carried)) return false;
  for (Descriptor& socket : sockets) socket.Release();  // it is the shard's now
  return true;
}

bool ShardGroup::RestoreConnection(std::size_t shard, ConnectionImage connection,
                                   Descriptor socket) {
  if (shard >= shards_.size() || !IsOption(socket.get(), SO_TYPE, SOCK_STREAM) ||
      !IsOption(socket.get(), SO_PROTOCOL, IPPROTO_TCP))
    return false;
  return shards_[shard]->Restore(std::move(connection), socket);
}

bool ShardGroup::RestoreReservation(std::size_t shard, base::Bytes record, Descriptor socket) {
  auto held = turn::DecodeReservation(record);
  if (!held || shard >= shards_.size()) return false;
  if (!IsRelaySocketAt(socket.get(), held->reservation.address.endpoint)) return false;
  held->reservation.relay = {socket.get()};
  if (!shards_[shard]->Restore(*held)) return false;
  socket.Release();
  return true;
}

void ShardGroup::SetCarriedBefore(std::size_t shard, LastTraffic traffic,
                                  std::vector<RelayTraffic> known) {
  if (shard >= shards_.size()) return;
  shards_[shard]->mailbox().Post(
      [traffic = std::move(traffic), known = std::move(known)](Shard& receiver) {
        receiver.SetCarriedBefore(traffic, known);
      });
}

}  // namespace relay
