#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/turn/effects.h"

namespace test_support {

// A world without sockets: it keeps what an engine does to it and aborts on what a real one could
// not do (a socket opened twice on one port, a relay closed twice, two routes under one key).
class RecordingEffects final : public turn::Effects {
 public:
  struct ToClient {
    turn::Client client;
    std::vector<std::uint8_t> octets;
  };
  struct ToPeer {
    turn::Client client;
    turn::RelayHandle relay;
    turn::PeerAddress peer;
    std::vector<std::uint8_t> payload;
    bool dont_fragment;
  };
  struct OpenSocket {
    turn::RelayedTransportAddress address;
    bool is_started = false;
    bool is_limited = false;
  };
  struct Posted {
    turn::ShardIndex shard;
    turn::EngineMessage message;
  };
  struct Answered {
    stun::Method method;
    std::optional<stun::ErrorCode> error;
  };
  struct Closed {
    std::uint64_t id;
    turn::CloseReason reason;
  };
  using RouteMapKey = std::pair<base::FiveTuple, std::uint16_t>;

  void SendToClient(const turn::Client& client, base::Bytes message) override {
    to_client.push_back({client, {message.begin(), message.end()}});
  }
  bool HasClient(const turn::Client& client) override {
    return !gone_clients.contains(client.five_tuple);
  }
  void SendDataToClient(const turn::Client& client, base::Bytes message,
                        std::size_t payload_bytes) override {
    data_payload_bytes = payload_bytes;
    data_to_client.push_back({client, {message.begin(), message.end()}});
  }
  void SendToPeer(const turn::Client& client, turn::RelayHandle relay,
                  const turn::PeerAddress& peer, base::Bytes payload, bool dont_fragment) override {
    CHECK(sockets.at(relay).is_started);
    to_peer.push_back({client, relay, peer, {payload.begin(), payload.end()}, dont_fragment});
  }

  std::optional<turn::RelayHandle> OpenRelay(
      const turn::RelayedTransportAddress& address) override {
    ++open_attempts;
    if (refuses && refuses(address)) return std::nullopt;
    for (const auto& [handle, socket] : sockets) CHECK(socket.address != address);
    const turn::RelayHandle handle{next_handle++};
    sockets.emplace(handle, OpenSocket{address});
    return handle;
  }
  void StartRelay(turn::RelayHandle relay, const turn::RelayedTransportAddress& address,
                  turn::UserNumber user) override {
    CHECK(user.value != 0);
    if (!sockets.contains(relay) && take_reserved) {
      if (const auto reserved = take_reserved(relay)) sockets.emplace(relay, *reserved);
    }
    OpenSocket& socket = sockets.at(relay);
    CHECK(socket.address == address && !socket.is_started);
    socket.is_started = true;
  }
  void LimitRelay(turn::RelayHandle relay) override {
    CHECK(sockets.at(relay).is_started);
    sockets.at(relay).is_limited = true;
  }
  void StopRelay(turn::RelayHandle relay) override {
    CHECK(sockets.at(relay).is_started);
    for (const auto& [key, route] : routes) CHECK(route.relay != relay);
    sockets.at(relay).is_started = false;
  }
  void CloseRelay(turn::RelayHandle relay) override {
    CHECK(sockets.erase(relay) == 1);
    for (const auto& [key, route] : routes) CHECK(route.relay != relay);
  }

  void InstallRoute(const turn::Route& route) override {
    CHECK(sockets.at(route.relay).is_started);
    ++route_installs;
    const RouteMapKey key{route.client.five_tuple, route.channel.value};
    for (const auto& [other_key, other] : routes)
      CHECK(other_key == key || other.relay != route.relay || other.peer != route.peer);
    routes.insert_or_assign(key, route);
  }
  void RemoveRoute(const turn::RouteKey& key) override {
    const auto found = routes.find({key.client.five_tuple, key.channel.value});
    if (found == routes.end()) return;
    CHECK(found->second.relay == key.relay && found->second.peer == key.peer);
    routes.erase(found);
  }

  void PostToShard(turn::ShardIndex shard, turn::EngineMessage message) override {
    posted.push_back({shard, std::move(message)});
  }

  void Report(const turn::Event& event) override {
    std::visit([this](const auto& each) { Keep(each); }, event);
  }

  std::size_t CountDrops(turn::DropReason reason) const {
    std::size_t count = 0;
    for (const turn::DropReason each : drops) count += each == reason ? 1 : 0;
    return count;
  }

  // Forgets what was sent and reported, not what is open or routed.
  void ForgetTraffic() {
    to_client.clear();
    data_to_client.clear();
    to_peer.clear();
    answered.clear();
    authentication_failures.clear();
    drops.clear();
    quota_rejections.clear();
    opened.clear();
    closed.clear();
  }

  std::vector<ToClient> to_client;
  std::vector<ToClient> data_to_client;
  std::vector<ToPeer> to_peer;
  std::size_t data_payload_bytes = 0;  // of the last one
  std::map<turn::RelayHandle, OpenSocket> sockets;
  std::map<RouteMapKey, turn::Route> routes;
  std::size_t route_installs = 0;
  std::size_t open_attempts = 0;
  std::vector<Posted> posted;
  std::function<bool(const turn::RelayedTransportAddress&)> refuses;
  // A socket that another shard of the process has opened, for a reservation that is redeemed here.
  std::function<std::optional<OpenSocket>(turn::RelayHandle)> take_reserved;

  std::vector<Answered> answered;
  std::vector<turn::AuthFailure> authentication_failures;
  std::vector<turn::DropReason> drops;
  std::vector<turn::QuotaScope> quota_rejections;
  std::vector<std::uint64_t> opened;
  std::vector<Closed> closed;
  std::int64_t permissions = 0;
  std::int64_t channels = 0;
  std::map<base::FiveTuple, int> relays_by_client;  // those with any
  std::set<base::FiveTuple> gone_clients;
  std::int32_t next_handle = 1;

 private:
  void Keep(const turn::RequestAnswered& event) { answered.push_back({event.method, event.error}); }
  void Keep(const turn::AuthenticationFailed& event) {
    authentication_failures.push_back(event.reason);
  }
  void Keep(const turn::AllocationOpened& event) {
    opened.push_back(event.allocation_id);
    Keep(turn::AllocationMoved{event.allocation_id, event.client, event.relayed, 1});
  }
  void Keep(const turn::AllocationClosed& event) {
    Keep(turn::AllocationMoved{event.allocation_id, event.client, event.relayed, -1});
    closed.push_back({event.allocation_id, event.reason});
  }
  void Keep(const turn::AllocationMoved& event) {
    relays_by_client[event.client.five_tuple] += event.delta;
    if (relays_by_client[event.client.five_tuple] == 0)
      relays_by_client.erase(event.client.five_tuple);
  }
  void Keep(const turn::PermissionsChanged& event) { permissions += event.delta; }
  void Keep(const turn::ChannelsChanged& event) { channels += event.delta; }
  void Keep(const turn::QuotaRejected& event) { quota_rejections.push_back(event.scope); }
  void Keep(const turn::PacketDropped& event) { drops.push_back(event.reason); }
};

}  // namespace test_support
