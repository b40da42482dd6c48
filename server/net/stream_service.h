#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/base/time.h"
#include "protocol/turn/engine.h"
#include "server/datapath/userspace/forwarder.h"
#include "server/metrics/shard_counters.h"
#include "server/net/connection_census.h"
#include "server/net/shard_clock.h"
#include "server/net/stream_connection.h"

namespace relay {

// The stream clients of one shard: owns their connections and stands between them and the shard's
// engine and forwarder. Shard's thread only.
class StreamService {
 public:
  // All must outlive the service. The engine is told later, since it needs the effects that need
  // this service.
  StreamService(boost::asio::io_context& io, Forwarder& forwarder, SendQueue& queue,
                ConnectionCensus& census, ShardCounters& counters, ShardClock& clock);
  ~StreamService();
  void SetEngine(turn::Engine* engine) { engine_ = engine; }
  void SetLastChannelFirstOctet(std::uint8_t octet) { last_channel_first_octet_ = octet; }

  // Takes over an accepted connection; closes it at once if its source has too many.
  void Accept(boost::asio::ip::tcp::socket socket, base::Transport transport);

  StreamConnection* Find(turn::ClientHandle handle);
  // Ends the connection, and its allocation, after the current call stack has unwound. May be
  // called twice.
  void ScheduleClose(turn::ClientHandle handle);
  // Ends what IsOverdue.
  void CloseOverdue();

  // For connections.
  bool OnMessage(const turn::Client& client, base::Bytes message);  // false: not a valid message
  void OnChannelData(const turn::Client& client, base::Bytes message);
  void Flush() { queue_.Flush(); }
  base::MutableBytes scratch() { return scratch_; }
  void RefreshClock() { clock_.Refresh(); }
  const base::Now& now() const { return clock_.now(); }
  std::uint8_t last_channel_first_octet() const { return last_channel_first_octet_; }
  void CountQueueDrop();

 private:
  void Close(turn::ClientHandle handle);

  boost::asio::io_context& io_;
  Forwarder& forwarder_;
  SendQueue& queue_;
  ConnectionCensus& census_;
  ShardCounters& counters_;
  ShardClock& clock_;
  turn::Engine* engine_ = nullptr;
  std::uint8_t last_channel_first_octet_ = 0x4f;
  std::uint32_t next_handle_ = 1;
  std::unordered_map<std::uint32_t, std::unique_ptr<StreamConnection>> connections_;
  std::vector<std::uint8_t> scratch_;  // one for all: a connection keeps only what is unfinished
};

}  // namespace relay
