#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/base/time.h"
#include "protocol/stun/channel_data.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/route.h"
#include "server/datapath/datapath.h"
#include "server/datapath/userspace/handovers.h"
#include "server/datapath/userspace/ip_fields.h"
#include "server/datapath/userspace/own_relays.h"
#include "server/datapath/userspace/rate_meter.h"
#include "server/datapath/userspace/route_table.h"
#include "server/datapath/userspace/send_queue.h"
#include "server/metrics/shard_counters.h"

namespace relay {

// The userspace datapath of one shard: forwards ChannelData along routes, in place and without the
// heap, and carries the engine's own datagrams. What goes out waits in the SendQueue; octets must
// stay until it is flushed. Packets touch no lock: Ledger::IsLive is a load.
class Forwarder final : public Datapath {
 public:
  // All must outlive the forwarder; `own_relays` is shared with those of other shards. `listeners`
  // are numbered by the turn::ClientHandle of clients over plain UDP; higher numbers are paths
  // through proxies.
  Forwarder(const turn::Ledger& ledger, std::vector<ListenerSocket> listeners, TrafficLimits limits,
            std::shared_ptr<SharedBuckets> shared, SendQueue& queue, ShardCounters& counters,
            OwnRelays& own_relays);

  // Asked about ChannelData without a route before it is dropped.
  using OnUnrouted =
      std::function<turn::Unrouted(const base::FiveTuple&, const stun::ChannelDataView&)>;
  void SetOnUnrouted(OnUnrouted on_unrouted) { on_unrouted_ = std::move(on_unrouted); }

  // A relay socket of this shard, known by its descriptor. The socket itself belongs to the caller.
  // One that was another shard's or process's may have a filter, and has lost some already.
  enum class Origin : std::uint8_t { kNew, kTakenOver };
  void AddRelay(int socket, const turn::RelayedTransportAddress& address,
                turn::UserNumber user = {}, Origin origin = Origin::kTakenOver);
  // Sends what is queued for the socket first. Unknown sockets are ignored.
  void RemoveRelay(int socket);
  // From now on this relay has these limits, too, as long as it is here.
  void LimitRelay(int socket);
  static constexpr RateLimits kLimited{.bytes_per_second = 2'000'000, .packets_per_second = 2000};
  RelaySocket* FindRelay(int socket);
  // A way through a proxy, for clients with this handle.
  void SetPath(turn::ClientHandle handle, const ClientPath& path) { paths_[handle.value] = path; }
  void RemovePath(turn::ClientHandle handle) { paths_.erase(handle.value); }
  const ListenerSocket& listener(std::size_t index) const { return listeners_[index]; }
  ListenerSocket& listener(std::size_t index) { return listeners_[index]; }
  std::size_t listener_count() const { return listeners_.size(); }

  void Install(const turn::Route& route) override;
  void Remove(const turn::RouteKey& key) override;
  void SetShare(const turn::RouteKey& key, const std::optional<KernelShare>& share) override;
  RelayTraffic TakeTraffic(turn::RelayHandle relay) override;
  // Routes that the kernel has, while their packets still come by here.
  Handovers& handovers() { return handovers_; }

  // While one lives, packets are read and may not have been sent yet.
  class Round {
   public:
    explicit Round(Forwarder& forwarder) : forwarder_(forwarder) {
      forwarder_.is_in_round_.store(true);
    }
    ~Round() { forwarder_.is_in_round_.store(false, std::memory_order_release); }
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;

   private:
    Forwarder& forwarder_;
  };

  std::size_t route_count() const { return routes_.size(); }
  std::vector<turn::RouteKey> ListRoutes() const { return routes_.ListKeys(); }
  // nullopt: there is none, or another one by now.
  std::optional<turn::Route> FindRoute(const turn::RouteKey& key);

  // ChannelData from a client. Without a live route it is dropped and counted (RFC 8656
  // section 12.6). `arrived` are the fields of the datagram that it came in; of what a connection
  // carried there are none (section 15).
  void FromClient(const base::FiveTuple& client, const stun::ChannelDataView& message,
                  base::MonotonicTime now, const IpFields& arrived = {});

  enum class PeerVerdict : std::uint8_t {
    kDone,          // queued towards a client over plain UDP, or dropped for its limits
    kToConnection,  // `*message` is a ChannelData message for the connected client `*client`;
                    // padded for streams
    kToEngine,      // no live route: the rules decide
  };
  // A datagram at a relay socket. `payload` has the room of PacketBatch around it, which is used.
  PeerVerdict FromPeer(RelaySocket& relay, const base::Endpoint& source, base::MutableBytes payload,
                       const IpFields& arrived, base::MonotonicTime now,
                       const turn::Client** client, base::MutableBytes* message);

  // While one lives, SendToPeer and SendToClientInPlace send what came in a datagram with these
  // fields: for what goes through the engine, which knows nothing of IP.
  class Arrival {
   public:
    enum class As : std::uint8_t { kDatagram, kError };
    // `relay`: at whose socket it arrived, if it came from a peer, or from who complains of one.
    Arrival(Forwarder& forwarder, const IpFields& fields, RelaySocket* relay = nullptr,
            As as = As::kDatagram)
        : forwarder_(forwarder) {
      forwarder_.arrived_ = fields;
      forwarder_.arrived_at_ = relay;
      forwarder_.arrived_as_ = as;
    }
    ~Arrival() {
      forwarder_.arrived_ = {};
      forwarder_.arrived_at_ = nullptr;
    }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;

   private:
    Forwarder& forwarder_;
  };

  // A Send indication's payload: to the peer, if the limits allow. `payload` stays until the flush.
  void SendToPeer(int socket, const turn::PeerAddress& peer, base::Bytes payload,
                  bool dont_fragment, bool from_stream, base::MonotonicTime now);
  // Whether so many octets of what has arrived may go on to the client now; counts a drop if not.
  // To be asked when it is clear that they are meant to: strangers use nothing up.
  bool AdmitArrived(std::size_t bytes, base::MonotonicTime now);

  // A message to a client over plain UDP: copied, or where it lies until the flush. False: dropped.
  void SendToClient(const turn::Client& client, base::Bytes message);
  bool SendToClientInPlace(const turn::Client& client, base::Bytes message);

  void CountToClient(bool is_stream, std::size_t bytes);
  // So much of what has arrived goes to the client.
  void CarryToClient(std::size_t bytes);

  // What a socket reports to have lost so far: for want of room, or because it was to (FloodGuard).
  void CountReceiveDrops(int socket, ReceiveDrops& drops, std::uint32_t reported);
  // Takes the listeners' sockets over, before anything is read from them.
  void Start();
  // A period of the FloodGuard is over.
  void StepFloods() { floods_.Step(); }
  // All sockets take everything: another process may read them soon.
  void ForgetFloods() { floods_.Clear(); }

  void SetLimits(const TrafficLimits& limits) { limits_ = limits; }
  // From now on these count towards the limits that allocations share.
  void SetSharedBuckets(std::shared_ptr<SharedBuckets> shared) { shared_ = std::move(shared); }

 private:
  ClientPath PathOf(const turn::Client& client) const;
  WaitingPlace PlaceOf(const RouteEntry& entry, Direction direction) const;
  // A packet of the route, which the kernel may have as well, came by here.
  void NoteForHandover(const RouteEntry& entry, Direction direction);
  // The kernel does not have the route any more.
  void Unshare(RouteEntry& entry);
  // nullptr: none, and the message is counted or in other hands.
  RouteEntry* OnMissingRoute(const base::FiveTuple& client, const stun::ChannelDataView& message,
                             base::MonotonicTime now);
  // What is sent for what arrived so; counts a drop if that is nothing.
  std::optional<IpFields> PassOn(const IpFields& arrived);
  // What of the fields of a datagram to a peer its control messages have to say, the rest being an
  // option of the socket, which this may change.
  IpFields BeyondOption(RelaySocket& relay, const IpFields& fields);

  RateLimits LimitsOf(const RelaySocket& relay) const;
  bool AdmitToClient(RelaySocket& relay, std::size_t bytes, base::MonotonicTime now);
  // Whether the limits allow so many octets of a relay now; counts a drop if not.
  bool Admit(RelaySocket& relay, Direction direction, std::size_t bytes, base::MonotonicTime now);
  // Counts what a listener's or a relay's socket has lost by now.
  void SettleReceiveDrops(int socket);

  const turn::Ledger& ledger_;
  std::vector<ListenerSocket> listeners_;
  TrafficLimits limits_;
  std::shared_ptr<SharedBuckets> shared_;
  SendQueue& queue_;
  ShardCounters& counters_;
  std::vector<std::unique_ptr<RelaySocket>> relays_;  // by descriptor
  std::unordered_map<std::uint32_t, ClientPath> paths_;
  RouteTable routes_;
  OwnRelays& own_relays_;
  std::atomic<bool> is_in_round_ = false;
  Handovers handovers_;
  OnUnrouted on_unrouted_;
  FloodGuard floods_{[this](int socket) { SettleReceiveDrops(socket); }};
  IpFields arrived_;                   // of what the engine is working on
  RelaySocket* arrived_at_ = nullptr;  // nullptr: not from a peer
  Arrival::As arrived_as_ = Arrival::As::kDatagram;
};

}  // namespace relay
