#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/base/random.h"
#include "protocol/turn/engine.h"
#include "protocol/turn/policy.h"
#include "server/datapath/userspace/forwarder.h"
#include "server/metrics/shard_counters.h"
#include "server/net/client_liveness.h"
#include "server/net/connection_census.h"
#include "server/net/memory_limits.h"
#include "server/net/proxied_clients.h"
#include "server/net/shard_clock.h"
#include "server/tls/dtls_cookie.h"
#include "server/tls/dtls_session.h"

namespace relay {

// The DTLS clients of one shard (RFC 7350). Each has an association on top of a client over plain
// UDP, whose datagrams the UdpService hands over; nothing is kept for a client that has not shown
// that it receives at its address. Shard's thread only.
class DtlsService {
 public:
  // All must outlive the service.
  DtlsService(boost::asio::io_context& io, Forwarder& forwarder, SendQueue& queue,
              ProxiedClients& proxied, ConnectionCensus& census, ShardCounters& counters,
              ShardClock& clock, base::RandomSource& random, const MemoryLimits& memory);
  ~DtlsService();
  void SetEngine(turn::Engine* engine) { engine_ = engine; }
  void SetLastChannelFirstOctet(std::uint8_t octet) { last_channel_first_octet_ = octet; }
  // Ends the associations of clients that it denies.
  void SetPolicy(std::shared_ptr<const turn::Policy> policy);
  // `serve_datagrams` is called between handshakes, each of which takes long enough to be felt.
  void SetServeDatagrams(std::function<void()> serve) { serve_datagrams_ = std::move(serve); }
  // nullptr: no DTLS.
  void SetTls(std::shared_ptr<const TlsContext> tls);

  // A datagram that Classify calls DTLS. It is decrypted where it stands, and what it contains may
  // be queued from there without a copy.
  void OnDatagram(const turn::Client& carrier, base::MutableBytes datagram);

  bool Has(turn::ClientHandle handle) const { return associations_.contains(handle.value); }
  // Over what is a 5-tuple of UDP.
  bool HasAssociation(const base::FiveTuple& carrier) const {
    return by_carrier_.contains(carrier);
  }
  // To a client of ours; dropped when it is gone.
  void SendControl(turn::ClientHandle handle, base::Bytes message) { Send(handle, message); }
  void SendData(turn::ClientHandle handle, base::Bytes message) { Send(handle, message); }
  void AddAllocations(turn::ClientHandle handle, int delta);

  // Ends all associations, and tells their clients.
  void EndAll();

  // Retransmissions and ends. Call it a few times a second.
  void Advance();

 private:
  // Handshakes under way at once; for more, the oldest makes room.
  static constexpr std::size_t kMaxHandshakes = 512;
  static constexpr std::chrono::seconds kHandshakeTimeout{10};
  static constexpr std::size_t kMaxWaitingHellos = 256;
  static constexpr int kMakeRoomFor = 4;
  static constexpr std::size_t kAssociationBytes = 72 * 1024;  // what one costs, about

  struct Association {
    turn::Client client;   // transport DTLS, and a handle of this service
    turn::Client carrier;  // the same over UDP, as the forwarder knows it
    std::unique_ptr<DtlsSession> session;
    ClientLiveness liveness;
    base::MonotonicTime began;
    std::list<std::uint32_t>::iterator handshake;
    bool is_in_handshakes;
  };

  // A ClientHello with a cookie, which waits for its turn.
  struct WaitingHello {
    turn::Client carrier;
    std::vector<std::uint8_t> datagram;
  };

  void Judge(const turn::Client& carrier, base::MutableBytes datagram);
  void Enqueue(const turn::Client& carrier, base::Bytes hello);
  void ServeHello();
  void Greet(const turn::Client& carrier, base::MutableBytes datagram);
  void Insert(const turn::Client& carrier, std::unique_ptr<DtlsSession> session);
  void Receive(Association& association, base::MutableBytes datagram);
  void OnMessage(Association& association, base::Bytes message);
  void Send(turn::ClientHandle handle, base::Bytes message);
  void EndOldestStranger();
  void EndHandshake(Association& association, HandshakeOutcome outcome);
  void Remove(std::uint32_t handle);

  boost::asio::io_context& io_;
  Forwarder& forwarder_;
  SendQueue& queue_;
  ProxiedClients& proxied_;
  ConnectionCensus& census_;
  ShardCounters& counters_;
  ShardClock& clock_;
  turn::Engine* engine_ = nullptr;
  std::shared_ptr<const turn::Policy> policy_;
  std::uint8_t last_channel_first_octet_ = 0x4f;
  DtlsCookies cookies_;
  std::unique_ptr<DtlsAcceptor> acceptor_;
  // Associations without an allocation; for more, the oldest makes room.
  const std::size_t max_strangers_;
  std::size_t strangers_ = 0;
  std::uint32_t next_handle_ = 1;
  std::unordered_map<std::uint32_t, std::unique_ptr<Association>> associations_;
  std::unordered_map<base::FiveTuple, std::uint32_t, base::FiveTupleHash> by_carrier_;
  std::list<std::uint32_t> handshakes_;  // oldest first
  std::deque<WaitingHello> hellos_;
  std::function<void()> serve_datagrams_;
};

}  // namespace relay
