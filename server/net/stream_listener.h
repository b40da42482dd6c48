#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/metrics/shard_counters.h"
#include "server/net/listener_socket.h"
#include "server/net/stream_service.h"

namespace relay {

// Accepts stream clients on one address for one shard. When the process is out of descriptors it
// lets the service make room and waits a moment instead of spinning. It must outlive the service's
// connections. Shard's thread only.
class StreamListener {
 public:
  // `socket` is listening already.
  StreamListener(boost::asio::io_context& io, Descriptor socket, StreamEntrance entrance,
                 StreamService& service, ShardCounters& counters);
  void Start();
  // Accepts nobody any more; whoever else has the socket goes on.
  void Close();

 private:
  void OnAccept(boost::system::error_code error, boost::asio::ip::tcp::socket socket);

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer back_off_;
  StreamEntrance entrance_;
  StreamService& service_;
  ShardCounters& counters_;
};

}  // namespace relay
