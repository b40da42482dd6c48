#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "protocol/turn/engine.h"
#include "protocol/turn/tcp_effects.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/net/joined_connections.h"
#include "server/net/listener_socket.h"
#include "server/net/shard_clock.h"
#include "server/net/stream_service.h"

namespace relay {

// The TCP sockets between the relay and peers (RFC 6062) of one shard: those that listen, those
// that are being connected, and those that wait to be joined with a client's. What peers send
// before that stays in the system's buffer, so that their window closes by itself. Sockets are
// known by their descriptors. Shard's thread only.
class TcpRelays final : public turn::TcpEffects {
 public:
  // All must outlive the object. The engine is told later.
  TcpRelays(boost::asio::io_context& io, StreamService& streams, JoinedConnections& joined,
            ShardClock& clock);
  void SetEngine(turn::Engine* engine) { engine_ = engine; }

  std::optional<turn::RelayHandle> OpenRelay(const turn::RelayedTransportAddress& address) override;
  void StartRelay(turn::RelayHandle relay) override;
  void CloseRelay(turn::RelayHandle relay) override { listening_.erase(relay.value); }
  std::optional<turn::PeerConnectionHandle> Connect(turn::RelayHandle relay,
                                                    const turn::PeerAddress& peer) override;
  void Close(turn::PeerConnectionHandle peer) override;
  void Surrender(turn::PeerConnectionHandle peer) override;
  void Hold(const turn::Client& client) override;
  void Release(const turn::Client& client) override;
  bool Join(const turn::Client& client, turn::PeerConnectionHandle peer,
            turn::ConnectionId connection, std::uint64_t allocation_id,
            turn::UserNumber user) override;
  void EndJoined(turn::ConnectionId connection) override;

 private:
  // Connections that one relay accepts before anything else gets its turn.
  static constexpr int kAcceptsPerTurn = 16;
  static constexpr std::chrono::milliseconds kBackOff{100};
  // For a pair of addresses that an earlier connection occupies.
  static constexpr int kConnectTries = 16;
  static constexpr std::chrono::milliseconds kBetweenTries{100};

  // `serial` tells a socket from a later one with the same descriptor.
  struct Listening {
    explicit Listening(boost::asio::io_context& io) : acceptor(io), back_off(io) {}
    boost::asio::ip::tcp::acceptor acceptor;
    boost::asio::steady_timer back_off;
    turn::RelayedTransportAddress address;
    std::uint64_t serial = 0;
  };
  struct Connecting {
    Descriptor unconnected;  // then it is the socket's
    boost::asio::ip::tcp::socket socket;
    boost::asio::steady_timer next_try;
    SocketAddress destination;
    int tries = 0;
    std::uint64_t serial = 0;
  };

  Listening* FindListening(int descriptor, std::uint64_t serial) const;
  void WaitToAccept(int descriptor);
  void Accept(int descriptor, std::uint64_t serial);
  Connecting* FindConnecting(int descriptor, std::uint64_t serial);
  void TryToConnect(int descriptor, std::uint64_t serial);
  void OnConnectEnded(int descriptor, std::uint64_t serial, bool is_connected);
  // The socket of a client that may be joined, or nullptr.
  SocketConnection* FindClient(const turn::Client& client) const;

  boost::asio::io_context& io_;
  StreamService& streams_;
  JoinedConnections& joined_;
  ShardClock& clock_;
  turn::Engine* engine_ = nullptr;
  std::uint64_t next_serial_ = 1;
  std::unordered_map<int, std::unique_ptr<Listening>> listening_;
  std::unordered_map<int, Connecting> connecting_;
  std::unordered_map<int, Descriptor> pending_;
  std::unordered_set<std::uint32_t> joining_;  // by connection, until JoinedConnections has them
};

}  // namespace relay
