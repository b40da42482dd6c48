#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "server/net/shard.h"

// What a shard gives to another process, and takes from one (docs/adr/0018).
namespace relay {

void Shard::Hold(StandStill& held) {
  datagrams_.AnswerStrangers();
  queue_.Flush();
  forwarder_.ForgetFloods();
  ShardImage image = TakeImage();
  Given given;
  for (const AllocationImage& each : image.allocations) given.allocations.insert(each.id);
  for (const ConnectionImage& each : image.connections)
    given.connections.insert(each.client.handle.value);
  if (held.Join(index_, std::move(image)) == StandStill::Verdict::kLetGo) held.Leave(LetGo(given));
  clock_.Refresh();
}

bool Shard::CanBeGiven(const turn::Allocation& allocation,
                       const std::unordered_set<std::uint32_t>& connections) const {
  if (allocation.protocol != turn::RelayProtocol::kUdp) return false;
  if (allocation.is_detached()) return true;
  if (allocation.client.five_tuple.transport == base::Transport::kTcp)
    return connections.contains(allocation.client.handle.value);
  return allocation.client.five_tuple.transport == base::Transport::kUdp &&
         allocation.client.handle.value < forwarder_.listener_count();
}

std::vector<ConnectionImage> Shard::TakeConnectionImages() {
  std::unordered_set<std::uint32_t> staying;
  engine_.VisitAllocations([&](const turn::Allocation& allocation) {
    if (allocation.protocol != turn::RelayProtocol::kUdp && !allocation.is_detached())
      staying.insert(allocation.client.handle.value);
  });
  std::vector<ConnectionImage> images = streams_.TakeImages();
  std::erase_if(images, [&](const ConnectionImage& each) {
    return staying.contains(each.client.handle.value);
  });
  return images;
}

ShardImage Shard::TakeImage() {
  ShardImage image;
  image.connections = TakeConnectionImages();
  std::unordered_set<std::uint32_t> connections;
  for (const ConnectionImage& each : image.connections)
    connections.insert(each.client.handle.value);
  image.allocations.reserve(engine_.allocation_count());
  engine_.VisitAllocations([&](const turn::Allocation& allocation) {
    if (!CanBeGiven(allocation, connections)) {
      // The others end when this shard lets go.
      if (allocation.protocol != turn::RelayProtocol::kUdp ||
          !base::IsStream(allocation.client.five_tuple.transport))
        return;
      allocation.ForEachRelay(
          [&](const turn::Relay& relay) { image.staying.push_back(relay.address.endpoint); });
      return;
    }
    AllocationImage& taken = image.allocations.emplace_back(
        AllocationImage{allocation.id, turn::EncodeAllocation(allocation), {}, {}});
    allocation.ForEachRelay([&](const turn::Relay& relay) {
      taken.sockets.push_back(relay.handle.value);
      taken.carried.push_back(usage_.ReadTraffic(relay.handle));
    });
  });
  engine_.VisitReservations([&](const turn::HeldReservationRecord& held) {
    image.reservations.push_back({turn::EncodeReservation(held), held.reservation.relay.value});
  });
  return image;
}

std::vector<LastTraffic> Shard::LetGo(const Given& given) {
  // These are told that they have to begin anew: what comes for them arrives elsewhere.
  dtls_.EndAll();
  queue_.Flush();
  AbandonListeners();
  std::vector<LastTraffic> traffic;
  std::vector<turn::Client> stranded;
  std::vector<std::pair<std::size_t, turn::RelayHandle>> relays;
  engine_.VisitAllocations([&](const turn::Allocation& allocation) {
    if (given.allocations.contains(allocation.id)) {
      allocation.ForEachRelay(
          [&](const turn::Relay& relay) { relays.emplace_back(traffic.size(), relay.handle); });
      traffic.push_back({allocation.id, {}});
    } else if (!allocation.is_detached() &&
               allocation.client.five_tuple.transport == base::Transport::kUdp) {
      // Behind a proxy whose header the other one has not seen.
      stranded.push_back(allocation.client);
    }
  });
  engine_.LetGo([&](const turn::Allocation& each) { return given.allocations.contains(each.id); });
  for (const std::uint32_t handle : given.connections) streams_.GiveAway({handle});
  // Where one that moves to another shard leaves it.
  for (const auto& [position, relay] : relays)
    traffic[position].carried.push_back(meters_.Arrive(relay));
  for (const turn::Client& client : stranded) engine_.OnClientGone(client, clock_.now());
  queue_.Flush();
  return traffic;
}

void Shard::AbandonListeners() {
  for (const auto& listener : stream_listeners_) listener->Close();
  // Their numbers stay taken, since others refer to them, but by something that is no socket.
  // Not a file: a thread that serves may open none (sandbox.h).
  const Descriptor nothing(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  for (const UdpListener& listener : udp_listeners_) {
    poller_.Remove(listener.socket.get());
    if (nothing.get() >= 0) ::dup3(nothing.get(), listener.socket.get(), O_CLOEXEC);
  }
}

bool Shard::Restore(std::unique_ptr<turn::Allocation> allocation,
                    std::span<const RelayTraffic> carried) {
  clock_.Refresh();
  std::vector<turn::RelayHandle> relays;
  allocation->ForEachRelay([&](const turn::Relay& relay) { relays.push_back(relay.handle); });
  if (relays.size() != carried.size()) return false;
  // Where one that comes from another shard finds it.
  for (std::size_t i = 0; i < relays.size(); ++i) meters_.Leave(relays[i], carried[i]);
  const bool is_done = engine_.Restore(std::move(allocation), clock_.now());
  if (!is_done) std::ranges::for_each(relays, [this](auto relay) { meters_.Arrive(relay); });
  return is_done;
}

bool Shard::Restore(ConnectionImage connection, Descriptor& socket) {
  clock_.Refresh();
  return streams_.Adopt(std::move(connection), socket);
}

bool Shard::Restore(const turn::HeldReservationRecord& held) { return engine_.Restore(held); }

void Shard::SetCarriedBefore(const LastTraffic& traffic, std::span<const RelayTraffic> known) {
  clock_.Refresh();
  const auto found = engine_.FindAllocation(traffic.id, clock_.now());
  if (!found || found->relays.size() != traffic.carried.size()) return;
  for (std::size_t i = 0; i < known.size() && i < traffic.carried.size(); ++i) {
    RelayTraffic more{};
    for (std::size_t way = 0; way < more.size(); ++way) {
      const Traffic& last = traffic.carried[i][way];
      const Traffic& first = known[i][way];
      more[way].packets = last.packets - std::min(first.packets, last.packets);
      more[way].bytes = last.bytes - std::min(first.bytes, last.bytes);
    }
    usage_.AddBefore(found->relays[i], more);
  }
}

}  // namespace relay
