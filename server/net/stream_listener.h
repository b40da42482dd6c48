#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "protocol/base/five_tuple.h"
#include "server/metrics/shard_counters.h"
#include "server/net/listener_socket.h"
#include "server/net/stream_service.h"

namespace relay {

// Accepts stream clients on one address for one shard. When the process is out of descriptors it
// waits a moment instead of spinning. Shard's thread only.
class StreamListener {
 public:
  // `socket` is listening already.
  StreamListener(boost::asio::io_context& io, Descriptor socket, base::Transport transport,
                 StreamService& service, ShardCounters& counters);
  void Start();

 private:
  void OnAccept(boost::system::error_code error, boost::asio::ip::tcp::socket socket);

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer back_off_;
  base::Transport transport_;
  StreamService& service_;
  ShardCounters& counters_;
};

}  // namespace relay
