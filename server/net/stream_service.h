#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cassert>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/base/time.h"
#include "protocol/turn/engine.h"
#include "protocol/turn/policy.h"
#include "server/datapath/userspace/forwarder.h"
#include "server/metrics/shard_counters.h"
#include "server/net/connection_seats.h"
#include "server/net/edge_http.h"
#include "server/net/gathered_data.h"
#include "server/net/listener_socket.h"
#include "server/net/memory_limits.h"
#include "server/net/shard_clock.h"
#include "server/net/shard_image.h"
#include "server/net/socket_connection.h"
#include "server/net/stream_connection.h"
#include "server/net/stream_opening.h"
#include "server/tls/tls_context.h"

namespace relay {

// The stream clients of one shard: owns their connections, from the moment they are accepted, and
// stands between them and the shard's engine and forwarder. A connection keeps one number for its
// whole life, whatever it turns out to be. Shard's thread only.
class StreamService {
 public:
  // All must outlive the service. The engine is told later, since it needs the effects that need
  // this service.
  StreamService(boost::asio::io_context& io, Forwarder& forwarder, SendQueue& queue,
                ConnectionCensus& census, ShardCounters& counters, ShardClock& clock,
                const MemoryLimits& memory);
  void SetEngine(turn::Engine* engine) { engine_ = engine; }
  void SetLastChannelFirstOctet(std::uint8_t octet) { last_channel_first_octet_ = octet; }
  // Ends the connections of clients that it denies.
  void SetPolicy(std::shared_ptr<const turn::Policy> policy);
  void SetTls(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }
  // `serve_datagrams` is called between handshakes, each of which takes long enough to be felt.
  void SetServeDatagrams(std::function<void()> serve) { serve_datagrams_ = std::move(serve); }
  EdgeHttp& edge_http() { return edge_http_; }

  // Takes over an accepted connection. `entrance` must outlive the service.
  void Accept(boost::asio::ip::tcp::socket socket, const StreamEntrance& entrance);
  // The system is out of descriptors: the connections that have waited longest without having said
  // anything end.
  void MakeRoom();

  StreamConnection* Find(turn::ClientHandle handle);
  // The same, if it is on a socket of its own and not about to end.
  SocketConnection* FindSocket(turn::ClientHandle handle);
  // The client's connection carries STUN no more; nullopt: it is gone. It keeps its seat until
  // Vacate. Not inside a call that came from the connection.
  std::optional<SocketConnection::Detached> Detach(turn::ClientHandle handle);
  void Vacate(std::uint32_t handle) { seats_.Vacate(handle); }
  // Ends the connection, and its allocation, after the current call stack has unwound. May be
  // called twice.
  void ScheduleClose(turn::ClientHandle handle);
  // Ends what IsOverdue, and lets go of data that is too old.
  void CloseOverdue();

  // An upgrade (docs/adr/0018). The connections that another process could go on with.
  std::vector<ConnectionImage> TakeImages();
  // One of them is another process's.
  void GiveAway(turn::ClientHandle handle);
  // Before the shard runs: one that another process had, under the number that it had there. False:
  // there is one with that number, and the socket is the caller's.
  [[nodiscard]] bool Adopt(ConnectionImage image, Descriptor& socket);
  void StartAdopted();

  // Sends the relayed data that is still gathered, if any: at the end of each batch of datagrams.
  void FlushData();

  // For connections.
  using Resume = void (*)(StreamConnection&);
  // Calls `resume` when the socket is ready, or soon; unless the connection is gone by then.
  void OnceReady(StreamSocket& socket, StreamSocket::Direction direction, turn::ClientHandle handle,
                 Resume resume);
  void Soon(turn::ClientHandle handle, Resume resume);
  bool OnMessage(const turn::Client& client, base::Bytes message);  // false: not a valid message
  void OnChannelData(const turn::Client& client, base::Bytes message);
  void Flush() { queue_.Flush(); }
  // Data of a SocketConnection waits for FlushData, or for that of another one. Only in a batch of
  // datagrams, which ends with FlushData.
  void Gather(turn::ClientHandle handle, base::Bytes message);
  base::MutableBytes scratch() { return scratch_; }
  // At the beginning of what a socket has woken up for.
  void RefreshClock() {
    assert(gathered_.empty() && "data was gathered outside a batch: what it lay in may be gone");
    clock_.Refresh();
  }
  const base::Now& now() const { return clock_.now(); }
  std::uint8_t last_channel_first_octet() const { return last_channel_first_octet_; }
  StreamBacklog& backlog() { return backlog_; }
  void CountDropped(StreamOutput::Dropped dropped);
  void NoteAllocations(const StreamConnection& connection);
  // After what has changed how much it keeps. When strangers keep too much in all, those that came
  // first end soon.
  void ChargeIfStranger(const StreamConnection& connection);

 private:
  // Handshakes under way at once; for more, the oldest makes room.
  static constexpr std::size_t kMaxHandshakes = 512;
  static constexpr std::size_t kMakeRoomFor = 64;

  struct Opening {
    Opening(StreamSocket socket, const StreamEntrance& entrance, const base::FiveTuple& five_tuple,
            base::MonotonicTime now)
        : opening(std::move(socket), entrance, five_tuple, now) {}
    StreamOpening opening;
    std::list<std::uint32_t>::iterator handshake;
    bool is_in_handshakes = false;
    bool has_shaken_hands = false;
  };

  void Advance(std::uint32_t handle);
  bool Admit(std::uint32_t handle, Opening& entry);
  void NoteHandshake(std::uint32_t handle, Opening& entry);
  void EndOpening(std::uint32_t handle);
  void TimeOut(std::uint32_t handle);
  void Promote(std::uint32_t handle, StreamOpening::Step step);
  void OpenWebSocket(std::uint32_t handle, base::FiveTuple five_tuple,
                     std::shared_ptr<WebSocketTransport> transport);
  void Insert(std::unique_ptr<StreamConnection> connection);
  void Close(turn::ClientHandle handle);
  void Charge(std::uint32_t handle, std::size_t bytes);
  void WatchStrangers();
  void EndStrangers();
  // Puts those that came first in front, and says how many of them are to end at once.
  static std::size_t SortOldest(std::vector<std::uint32_t>& handles);

  boost::asio::io_context& io_;
  Forwarder& forwarder_;
  SendQueue& queue_;
  ShardCounters& counters_;
  ShardClock& clock_;
  turn::Engine* engine_ = nullptr;
  std::shared_ptr<const turn::Policy> policy_;
  std::shared_ptr<const TlsContext> tls_;
  std::function<void()> serve_datagrams_;
  std::uint8_t last_channel_first_octet_ = 0x4f;
  std::uint32_t next_handle_ = 1;
  std::vector<turn::ClientHandle> adopted_;  // and not yet started
  StreamBacklog backlog_;
  GatheredData gathered_;
  turn::ClientHandle gathered_for_;
  std::vector<std::uint8_t> scratch_;  // one for all: a connection keeps only what is unfinished
  ConnectionSeats seats_;
  bool is_ending_strangers_ = false;  // soon
  std::unordered_map<std::uint32_t, std::unique_ptr<Opening>> openings_;
  std::list<std::uint32_t> handshakes_;  // oldest first
  EdgeHttp edge_http_;
  std::unordered_map<std::uint32_t, std::unique_ptr<StreamConnection>> connections_;
};

}  // namespace relay
