#pragma once

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/base/five_tuple.h"
#include "protocol/base/hash.h"
#include "protocol/stun/channel_data.h"
#include "protocol/turn/route.h"
#include "server/datapath/relay_traffic.h"
#include "server/datapath/userspace/flood_guard.h"
#include "server/datapath/userspace/handovers.h"
#include "server/datapath/userspace/rate_meter.h"
#include "server/datapath/userspace/read_limit.h"
#include "server/datapath/userspace/receive_drops.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/datapath/userspace/steady_hop_limit.h"

namespace relay {

// An open relay socket of this shard, and how much its allocation has sent lately. In an order that
// leaves no gaps: there are many of it.
struct RelaySocket {
  int socket;
  turn::RelayedTransportAddress address;
  bool is_limited : 1 = false;  // Forwarder::kLimited holds, too
  std::uint16_t kernel_routes : 15 =
      0;  // while there are any, the meters are shared with the kernel
  turn::UserNumber user;
  ReceiveDrops receive_drops;
  RateMeter client_to_peer;
  RateMeter peer_to_client;
  std::array<FlowGauge, 2> gauges{};  // by LabelIndex(Direction)
  ReadLimit read_limit;
  SteadyHopLimit hop_limit;
  RelayTraffic carried{};  // in userspace, since somebody asked
};

// A UDP socket that clients send to.
struct ListenerSocket {
  int socket;
  int family;        // AF_INET or AF_INET6
  bool is_wildcard;  // replies must name the address that they leave from
  ReceiveDrops receive_drops{};
};

// How datagrams get to a client: from a listener's socket to its address, or to that of the proxy
// that speaks for it.
struct ClientPath {
  int socket = -1;  // -1: there is no way
  SocketAddress destination;
  std::optional<base::IpAddress> source;  // to send from, where the socket has a choice
};

// What forwarding needs of a route, and no more: there is one for each channel. The rest of it is
// known of the relay socket.
struct RouteEntry {
  turn::Client client;
  stun::ChannelNumber channel;
  bool peer_is_own_relay = false;
  turn::RelayHandle handle;  // of the relay; good when that is gone, too
  turn::PeerAddress peer;
  base::MonotonicTime deadline{};
  RelaySocket* relay = nullptr;
  std::shared_ptr<KernelRoute> kernel;  // nullptr: the kernel does not have it
};

// Routes by both directions: flat hash tables of pointers, which are all that a table grows by;
// keys are read from the routes. A lookup takes no lock and no heap. One table per shard.
class RouteTable {
 public:
  // Replaces the entry with the same key.
  void Install(const RouteEntry& entry);
  void Remove(const turn::RouteKey& key);

  // nullptr: no such route. The pointer is good until the next Install or Remove.
  RouteEntry* FindByChannel(const base::FiveTuple& client, stun::ChannelNumber channel);
  RouteEntry* FindByPeer(turn::RelayHandle relay, const base::Endpoint& peer);

  // What is there, in any order; each can be looked up as long as it is there.
  std::vector<turn::RouteKey> ListKeys() const;
  std::size_t size() const { return by_channel_.size(); }

 private:
  // Client and server transport address, channel and transport; relay, peer address and port.
  using ChannelKey = std::array<std::uint64_t, 5>;
  using PeerKey = std::array<std::uint64_t, 3>;

  static turn::RouteKey KeyOf(const RouteEntry& entry) {
    return {entry.client, entry.channel, entry.handle, entry.peer};
  }
  static ChannelKey MakeKey(const base::FiveTuple& client, stun::ChannelNumber channel);
  static PeerKey MakeKey(turn::RelayHandle relay, const base::Endpoint& peer);
  static void KeyOf(const RouteEntry& entry, ChannelKey& key) {
    key = MakeKey(entry.client.five_tuple, entry.channel);
  }
  static void KeyOf(const RouteEntry& entry, PeerKey& key) {
    key = MakeKey(entry.handle, entry.peer.endpoint);
  }

  // Hashes and compares entries by one of their keys, and with such a key.
  template <typename Key>
  struct By {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the table asks for it
    using is_avalanching = void;
    static const Key& Of(const Key& key) { return key; }
    template <typename Pointer>
    static Key Of(const Pointer& entry) {
      Key key;
      KeyOf(*entry, key);
      return key;
    }
    template <typename Any>
    std::size_t operator()(const Any& any) const noexcept {
      return Hash(Of(any));
    }
    template <typename One, typename Other>
    bool operator()(const One& one, const Other& other) const noexcept {
      return Of(one) == Of(other);
    }
  };
  static std::size_t Hash(const ChannelKey& key) noexcept {
    return base::HashWords({key[0], key[1], key[2], key[3], key[4]});
  }
  static std::size_t Hash(const PeerKey& key) noexcept {
    return base::HashWords({key[0], key[1], key[2]});
  }

  boost::unordered_flat_set<std::unique_ptr<RouteEntry>, By<ChannelKey>, By<ChannelKey>>
      by_channel_;
  boost::unordered_flat_set<RouteEntry*, By<PeerKey>, By<PeerKey>> by_peer_;
};

}  // namespace relay
