#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "protocol/stun/demux.h"
#include "protocol/turn/engine.h"
#include "server/datapath/userspace/forwarder.h"
#include "server/datapath/userspace/packet_batch.h"
#include "server/datapath/userspace/read_limit.h"
#include "server/metrics/shard_counters.h"
#include "server/net/connected_clients.h"
#include "server/net/dtls_service.h"
#include "server/net/listener_socket.h"
#include "server/net/packet_poller.h"
#include "server/net/proxied_clients.h"
#include "server/net/shard_clock.h"
#include "server/net/stranger_queue.h"

namespace relay {

// A UDP listener of one shard.
struct UdpListener {
  Descriptor socket;
  base::Endpoint bound;  // with the port that it really has
  bool is_wildcard = false;
  int family = 0;           // AF_INET or AF_INET6
  bool takes_clear = true;  // otherwise nothing but DTLS
  bool takes_dtls = true;   // not where only NAT discovery is served
  // Datagrams from here carry a PROXY protocol header, at least the first of each source port.
  std::vector<base::IpPrefix> trusted_proxies;
};

// Reads the UDP sockets of one shard, listeners and relays, in batches, and says what each datagram
// is: ChannelData goes to the forwarder, STUN to the engine, DTLS to its service, a peer's datagram
// along its route or to the engine. Strangers come last, some of them a round. Shard's thread only.
class UdpService {
 public:
  // All must outlive the service. Listeners are numbered as the forwarder has them.
  UdpService(std::span<const UdpListener> listeners, Forwarder& forwarder, SendQueue& queue,
             ConnectedClients& connected, DtlsService& dtls, ProxiedClients& proxied,
             ShardCounters& counters, ShardClock& clock);
  void SetEngine(turn::Engine* engine) { engine_ = engine; }
  void SetLastChannelFirstOctet(std::uint8_t octet) { last_channel_first_octet_ = octet; }

  // Descriptors that are readable. All that is read has left when it returns, but for strangers
  // that wait for the next call, and nothing refers to the batch any more.
  PacketPoller::Served OnReady(std::span<const PacketPoller::Ready> sockets, std::uint8_t round);
  // Lets no stranger wait any longer.
  void AnswerStrangers();
  // What this client has asked for, and waits, comes before what it sends now. Returns whether
  // there was something. What it is told leaves with the next flush.
  bool AnswerOwn(const base::FiveTuple& client);

 private:
  // How often a listener that has more is read before the next socket gets its turn.
  static constexpr int kReadsPerTurn = 4;
  // Strangers that are answered between two looks at the sockets, as long as not more of them come
  // than may wait.
  static constexpr std::size_t kStrangersPerRound = 8;
  // Errors of one relay socket that are read before the next socket gets its turn.
  static constexpr std::size_t kErrorsPerTurn = 16;

  // Sends what is queued and gathered: nothing refers to the batch any more.
  void Flush();
  // Does so if so many packets do not fit the batch any more, and begins it anew.
  void MakeRoom(std::size_t packets);
  // Reads into the batch from `used_` on.
  std::size_t Receive(int socket, std::size_t limit, ReceiveDrops& drops);
  void ReadListener(std::uint32_t index, std::uint8_t round);
  void ReadRelay(RelaySocket& relay, std::uint8_t round);
  // What ICMP says about datagrams to peers.
  void ReadErrors(RelaySocket& relay);
  void OnClientPacket(std::uint32_t index, PacketBatch::Packet& packet);
  bool IsStranger(const turn::Client& client, stun::PacketKind kind) const;
  // Its turn comes after all that is here already. False: it is to be served now.
  bool Defer(std::uint32_t index, const turn::Client& client, stun::PacketKind kind,
             const PacketBatch::Packet& packet);
  void Serve(std::uint32_t index, const turn::Client& client, stun::PacketKind kind,
             base::MutableBytes octets, const IpFields& fields);
  // When everything else has been done in a round. Returns whether some are left.
  bool AnswerStrangersInTurn();
  // The oldest ones, and what they are told leaves. Who becomes a client by that has nothing that
  // waits any more.
  void AnswerSome();
  void Answer(const StrangerQueue::Datagram& stranger);
  // Whose packet it is. nullopt: a proxy does not say so.
  std::optional<turn::Client> ClientOf(std::uint32_t index, PacketBatch::Packet& packet);
  void OnPeerPacket(RelaySocket& relay, PacketBatch::Packet& packet);

  std::span<const UdpListener> listeners_;
  std::vector<std::int32_t> listener_by_socket_;  // -1: none
  std::vector<ReadLimit> read_limits_;            // by listener
  Forwarder& forwarder_;
  SendQueue& queue_;
  ConnectedClients& connected_;
  DtlsService& dtls_;
  ProxiedClients& proxied_;
  ShardCounters& counters_;
  ShardClock& clock_;
  turn::Engine* engine_ = nullptr;
  std::uint8_t last_channel_first_octet_ = 0x4f;
  PacketBatch batch_;
  StrangerQueue strangers_;
  bool has_yielded_ = false;  // since more than a few began to wait
  std::size_t received_ = 0;  // in this round
  std::size_t used_ = 0;      // of the batch: packets whose octets may be in the queue
};

}  // namespace relay
