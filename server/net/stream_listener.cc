#include "server/net/stream_listener.h"

#include <chrono>
#include <utility>

#include "server/net/descriptor_reserve.h"
#include "server/net/socket_protocol.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kBackOff{100};

}  // namespace

StreamListener::StreamListener(boost::asio::io_context& io, Descriptor socket,
                               StreamEntrance entrance, StreamService& service,
                               ShardCounters& counters)
    : acceptor_(io),
      back_off_(io),
      entrance_(std::move(entrance)),
      service_(service),
      counters_(counters) {
  const auto protocol = ProtocolOf(socket.get());
  acceptor_.assign(protocol, socket.Release());
}

void StreamListener::Start() {
  acceptor_.async_accept(
      [this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
        OnAccept(error, std::move(socket));
      });
}

void StreamListener::Close() {
  back_off_.cancel();
  if (!acceptor_.is_open()) return;
  // To close it would not do: as long as another process has the socket, too, it stays in the
  // reactor's set.
  boost::system::error_code error;
  const Descriptor closed(acceptor_.release(error));
}

void StreamListener::OnAccept(boost::system::error_code error,
                              boost::asio::ip::tcp::socket socket) {
  if (error == boost::asio::error::operation_aborted) return;
  if (!error && LeavesReserve(socket.native_handle(), kReservedFromConnections)) {
    service_.Accept(std::move(socket), entrance_);
    Start();
    return;
  }
  if (error == boost::asio::error::connection_aborted) {
    Start();
    return;
  }
  counters_.connections_refused[LabelIndex(ConnectionRefusal::kSystemLimit)].Add();
  service_.MakeRoom();
  back_off_.expires_after(kBackOff);
  back_off_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) Start();
  });
}

}  // namespace relay
