#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/turn/tcp_effects.h"

namespace test_support {

// TCP without sockets: it keeps what an engine does and aborts on what a real one could not do.
class RecordingTcpEffects final : public turn::TcpEffects {
 public:
  struct Joined {
    turn::Client client;
    turn::PeerConnectionHandle peer;
    turn::ConnectionId connection;
    std::uint64_t allocation_id;
  };

  std::optional<turn::RelayHandle> OpenRelay(
      const turn::RelayedTransportAddress& address) override {
    const turn::RelayHandle handle{next_handle_++};
    relays.emplace(handle, address);
    return handle;
  }
  void StartRelay(turn::RelayHandle relay) override {
    CHECK(relays.contains(relay));
    CHECK(started.insert(relay).second);
  }
  void CloseRelay(turn::RelayHandle relay) override {
    CHECK(relays.erase(relay) == 1);
    started.erase(relay);
  }
  std::optional<turn::PeerConnectionHandle> Connect(turn::RelayHandle relay,
                                                    const turn::PeerAddress& peer) override {
    CHECK(started.contains(relay));
    if (is_out_of_descriptors) return std::nullopt;
    destinations.push_back(peer);
    return Open();
  }
  void Close(turn::PeerConnectionHandle peer) override { CHECK(open.erase(peer) == 1); }
  void Surrender(turn::PeerConnectionHandle peer) override { CHECK(open.erase(peer) == 1); }
  void Hold(const turn::Client& client) override { CHECK(held.insert(client.handle).second); }
  void Release(const turn::Client& client) override { CHECK(held.erase(client.handle) == 1); }
  bool Join(const turn::Client& client, turn::PeerConnectionHandle peer,
            turn::ConnectionId connection, std::uint64_t allocation_id,
            turn::UserNumber user) override {
    CHECK(user.value != 0);
    CHECK(open.erase(peer) == 1);
    held.erase(client.handle);
    if (is_client_gone) return false;
    joined.push_back({client, peer, connection, allocation_id});
    return true;
  }
  void EndJoined(turn::ConnectionId connection) override { ended.push_back(connection); }

  // A connection that a peer began, or that another shard surrendered.
  turn::PeerConnectionHandle Open() {
    const turn::PeerConnectionHandle handle{next_handle_++};
    open.insert(handle);
    return handle;
  }

  bool is_out_of_descriptors = false;
  bool is_client_gone = false;
  std::map<turn::RelayHandle, turn::RelayedTransportAddress> relays;
  std::set<turn::RelayHandle> started;
  std::vector<turn::PeerAddress> destinations;
  std::set<turn::PeerConnectionHandle> open;
  std::set<turn::ClientHandle> held;
  std::vector<Joined> joined;
  std::vector<turn::ConnectionId> ended;

 private:
  std::int32_t next_handle_ = 5000;
};

}  // namespace test_support
