#include "server/net/tcp_relays.h"

#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "protocol/base/check.h"
#include "server/net/descriptor_reserve.h"
#include "server/net/socket_protocol.h"

namespace relay {

using boost::asio::ip::tcp;

TcpRelays::TcpRelays(boost::asio::io_context& io, StreamService& streams, JoinedConnections& joined,
                     ShardClock& clock)
    : io_(io), streams_(streams), joined_(joined), clock_(clock) {}

std::optional<turn::RelayHandle> TcpRelays::OpenRelay(
    const turn::RelayedTransportAddress& address) {
  OpenRelayResult opened = OpenTcpRelaySocket(address.endpoint);
  if (opened.error != 0) return std::nullopt;
  const int descriptor = opened.descriptor.get();
  auto listening = std::make_unique<Listening>(io_);
  listening->address = address;
  listening->serial = next_serial_++;
  const tcp protocol = address.endpoint.address.is_v4() ? tcp::v4() : tcp::v6();
  listening->acceptor.assign(protocol, opened.descriptor.Release());
  listening_[descriptor] = std::move(listening);
  return turn::RelayHandle{descriptor};
}

void TcpRelays::StartRelay(turn::RelayHandle relay) { WaitToAccept(relay.value); }

TcpRelays::Listening* TcpRelays::FindListening(int descriptor, std::uint64_t serial) const {
  const auto found = listening_.find(descriptor);
  if (found == listening_.end() || found->second->serial != serial) return nullptr;
  return found->second.get();
}

void TcpRelays::WaitToAccept(int descriptor) {
  Listening& listening = *listening_.at(descriptor);
  listening.acceptor.async_wait(
      tcp::acceptor::wait_read,
      [this, descriptor, serial = listening.serial](boost::system::error_code error) {
        if (!error) Accept(descriptor, serial);
      });
}

void TcpRelays::Accept(int descriptor, std::uint64_t serial) {
  clock_.Refresh();
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    // Each of them may end the allocation, as far as this knows.
    if (FindListening(descriptor, serial) == nullptr) return;
    SocketAddress source;
    source.length = sizeof(source.v6);
    Descriptor accepted(
        ::accept4(descriptor, &source.generic, &source.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.get() < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (accepted.get() < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
    if (LeavesReserve(accepted.get(), kReservedFromConnections)) {
      const int peer = accepted.get();
      pending_.emplace(peer, std::move(accepted));
      engine_->OnPeerAccepted({descriptor}, {peer}, {ToEndpoint(source.generic)}, clock_.now());
      continue;
    }
    // Out of descriptors: peers wait until there are some again.
    streams_.MakeRoom();
    Listening& listening = *listening_.at(descriptor);
    listening.back_off.expires_after(kBackOff);
    listening.back_off.async_wait([this, descriptor, serial](boost::system::error_code error) {
      if (!error && FindListening(descriptor, serial) != nullptr) WaitToAccept(descriptor);
    });
    return;
  }
  if (FindListening(descriptor, serial) != nullptr) WaitToAccept(descriptor);
}

std::optional<turn::PeerConnectionHandle> TcpRelays::Connect(turn::RelayHandle relay,
                                                             const turn::PeerAddress& peer) {
  const Listening& listening = *listening_.at(relay.value);
  OpenRelayResult opened = OpenTcpSocketFrom(listening.address.endpoint);
  if (opened.error != 0) return std::nullopt;
  const int descriptor = opened.descriptor.get();
  const std::uint64_t serial = next_serial_++;
  connecting_.emplace(
      descriptor,
      Connecting{std::move(opened.descriptor), tcp::socket(io_), boost::asio::steady_timer(io_),
                 ToSocketAddress(peer.endpoint), kConnectTries, serial});
  boost::asio::post(io_, [this, descriptor, serial] { TryToConnect(descriptor, serial); });
  return turn::PeerConnectionHandle{descriptor};
}

TcpRelays::Connecting* TcpRelays::FindConnecting(int descriptor, std::uint64_t serial) {
  const auto found = connecting_.find(descriptor);
  if (found == connecting_.end() || found->second.serial != serial) return nullptr;
  return &found->second;
}

void TcpRelays::TryToConnect(int descriptor, std::uint64_t serial) {
  Connecting* const connecting = FindConnecting(descriptor, serial);
  if (connecting == nullptr) return;
  const SocketAddress& destination = connecting->destination;
  if (::connect(descriptor, &destination.generic, destination.length) != 0 &&
      errno != EINPROGRESS) {
    // An earlier connection between the two addresses has not quite ended yet.
    if (errno != EADDRNOTAVAIL || --connecting->tries == 0)
      return OnConnectEnded(descriptor, serial, false);
    connecting->next_try.expires_after(kBetweenTries);
    connecting->next_try.async_wait([this, descriptor, serial](boost::system::error_code error) {
      if (!error) TryToConnect(descriptor, serial);
    });
    return;
  }
  // Asio gets it only now: a socket that is not being connected yet would pass for a writable one.
  const tcp protocol = destination.generic.sa_family == AF_INET ? tcp::v4() : tcp::v6();
  connecting->socket.assign(protocol, connecting->unconnected.Release());
  connecting->socket.async_wait(tcp::socket::wait_write,
                                [this, descriptor, serial](boost::system::error_code error) {
                                  if (error || FindConnecting(descriptor, serial) == nullptr)
                                    return;
                                  int outcome = 0;
                                  socklen_t length = sizeof(outcome);
                                  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &outcome, &length);
                                  OnConnectEnded(descriptor, serial, outcome == 0);
                                });
}

void TcpRelays::OnConnectEnded(int descriptor, std::uint64_t serial, bool is_connected) {
  Connecting* const connecting = FindConnecting(descriptor, serial);
  if (connecting == nullptr) return;
  if (is_connected) {
    boost::system::error_code error;
    Descriptor released(connecting->socket.release(error));
    connecting_.erase(descriptor);
    pending_.emplace(descriptor, std::move(released));
  }
  clock_.Refresh();
  engine_->OnPeerConnected({descriptor}, is_connected, clock_.now());
}

void TcpRelays::Close(turn::PeerConnectionHandle peer) {
  if (connecting_.erase(peer.value) != 0 || pending_.erase(peer.value) != 0) return;
  const Descriptor surrendered(peer.value);  // by another shard, to this one
}

void TcpRelays::Surrender(turn::PeerConnectionHandle peer) {
  const auto found = pending_.extract(peer.value);
  CHECK(!found.empty());
  found.mapped().Release();
}

SocketConnection* TcpRelays::FindClient(const turn::Client& client) const {
  SocketConnection* const connection = streams_.FindSocket(client.handle);
  const bool is_it = connection != nullptr && connection->client().five_tuple == client.five_tuple;
  return is_it ? connection : nullptr;
}

void TcpRelays::Hold(const turn::Client& client) {
  if (SocketConnection* const connection = FindClient(client)) connection->Hold();
}

void TcpRelays::Release(const turn::Client& client) {
  if (SocketConnection* const connection = FindClient(client)) connection->Release();
}

bool TcpRelays::Join(const turn::Client& client, turn::PeerConnectionHandle peer,
                     turn::ConnectionId connection, std::uint64_t allocation_id,
                     turn::UserNumber user) {
  const auto pending = pending_.extract(peer.value);
  Descriptor socket = pending.empty() ? Descriptor(peer.value) : std::move(pending.mapped());
  SocketConnection* const data = FindClient(client);
  if (data == nullptr) return false;
  // The call that brought the request may still be at work on this connection.
  data->PrepareToDetach();
  joining_.insert(connection.value);
  boost::asio::post(io_, [this, client, connection, allocation_id, user,
                          peer_socket = std::move(socket)]() mutable {
    clock_.Refresh();
    if (joining_.erase(connection.value) == 0) return streams_.ScheduleClose(client.handle);
    auto detached = streams_.Detach(client.handle);
    if (!detached) return engine_->OnJoinedEnded(connection);
    // It is no client of the engine's any more, whatever was about to come to it.
    engine_->OnClientGone(client, clock_.now());
    joined_.Add(client.handle, std::move(*detached), std::move(peer_socket), connection,
                allocation_id, user);
  });
  return true;
}

void TcpRelays::EndJoined(turn::ConnectionId connection) {
  if (joining_.erase(connection.value) == 0) joined_.End(connection);
}

}  // namespace relay
