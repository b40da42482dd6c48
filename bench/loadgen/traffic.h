#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bench/loadgen/connection.h"
#include "bench/loadgen/datagram_batch.h"
#include "bench/loadgen/figures.h"
#include "bench/loadgen/options.h"
#include "bench/loadgen/pacer.h"
#include "bench/loadgen/payload.h"
#include "bench/loadgen/poller.h"
#include "bench/loadgen/sequence_tracker.h"
#include "protocol/base/time.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/message_view.h"

namespace loadgen {

// The data phase: owns the peer sockets, sends what the pacers say through clients and peers,
// verifies what arrives and counts. One thread; allocates only when it is made and when peers are
// opened.
class Traffic {
 public:
  Traffic(const Options& options, std::uint32_t run, Poller& poller);

  // Opens the peer sockets on `address` and watches them.
  base::Result<void> OpenPeers(const base::IpAddress& address);
  // The peer that an allocation exchanges packets with; not for relay-to-relay, where it is the
  // partner's relayed address.
  const base::Endpoint& peer_of(std::uint32_t allocation) const {
    return peers_[allocation % peers_.size()].endpoint;
  }

  // An allocation that is ready. `connection` must outlive it or be closed after Close.
  struct Gate {
    Connection* connection = nullptr;
    base::Endpoint relayed;
    base::Endpoint peer;
    stun::ChannelNumber channel;
  };
  void Open(std::uint32_t allocation, const Gate& gate);
  // Nothing more is sent in its flows; what is under way is still received.
  void Pause(std::uint32_t allocation);
  // Whether the last packet of each of its flows has arrived.
  bool IsQuiet(std::uint32_t allocation) const;
  // It is gone: what still arrives for it is corrupt.
  void Close(std::uint32_t allocation);

  void Start(base::MonotonicTime now);
  void Stop();
  bool is_sending() const { return is_sending_; }
  // Everything that was sent has arrived.
  bool IsDrained() const;

  // Sends what is due, at most a few hundred packets.
  void Send(base::MonotonicTime now);
  // When Send has to be called again without any arrival; nullopt: no need.
  std::optional<base::MonotonicTime> NextDue(base::MonotonicTime now) const;

  void OnChannelData(std::uint32_t allocation, base::Bytes octets, base::MonotonicTime now);
  // A datagram without any framing, of Mode::kDirect.
  void OnDirectPayload(std::uint32_t allocation, base::Bytes octets, base::MonotonicTime now);
  void OnIndication(std::uint32_t allocation, const stun::MessageView& indication,
                    base::MonotonicTime now);
  void OnPeerReadable(std::uint32_t peer);

  const LaneFiguresTable& figures() const { return figures_; }
  // Datagrams that overflowed the peers' sockets.
  std::uint64_t PeerReceiveDrops() const;

 private:
  struct Peer {
    FileDescriptor socket;
    base::Endpoint endpoint;
    std::unique_ptr<DatagramBatch> outgoing;
    std::vector<std::uint32_t> outgoing_flows;  // of each datagram in `outgoing`
  };
  struct Flow {
    std::uint64_t sent = 0;
    SequenceTracker tracker;
  };
  struct LaneState {
    Lane lane;
    Pacer pacer;
    std::vector<Flow> flows;  // by allocation
  };

  void AddLane(const Options& options, Lane lane, double share);
  LaneState* FindLane(Lane lane);
  bool Sends(Lane lane, std::uint32_t allocation) const;
  void SendLane(LaneState& lane);
  bool SendFromClient(LaneState& lane, Pacer::Run run);
  void SendFromPeer(LaneState& lane, Pacer::Run run);
  bool FlushPeer(LaneState& lane, Peer& peer);
  std::size_t WriteMessage(const Gate& gate, const Payload& payload, base::MutableBytes slot);
  void OnClientPayload(std::uint32_t allocation, base::Bytes bytes, base::MonotonicTime now);
  void OnPeerDatagram(std::uint32_t peer, const base::Endpoint& source, base::Bytes bytes,
                      base::MonotonicTime now);
  void Account(const Payload& payload, base::MonotonicTime now);
  void CountCorrupt(Lane lane) { ++figures_[static_cast<std::size_t>(lane)].corrupt; }

  Mode mode_;
  Direction direction_;
  int socket_buffer_bytes_;
  PayloadCodec codec_;
  Poller& poller_;
  std::vector<LaneState> lanes_;
  std::vector<Gate> gates_;  // by allocation; without connection: closed
  std::vector<Peer> peers_;
  DatagramBatch incoming_;
  std::vector<std::uint8_t> slots_;    // a run of messages of one client
  std::vector<std::uint8_t> payload_;  // of an indication being built
  std::uint64_t indications_ = 0;
  LaneFiguresTable figures_;
  bool is_sending_ = false;
  bool is_blocked_ = false;  // a socket was full: wait a moment
  base::MonotonicTime next_silence_check_;
};

}  // namespace loadgen
