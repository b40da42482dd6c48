#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/metrics/metric_labels.h"
#include "server/net/allocation_meters.h"
#include "server/net/stream_socket.h"

namespace relay {

class JoinedConnections;

// What the connections of one allocation in this shard share: how much the allocation has carried
// lately, and how many of them wait in each direction until it may carry more.
struct Allowance {
  std::shared_ptr<AllocationMeter> meter;
  turn::UserNumber user;
  std::array<std::size_t, 2> waiting{};
};

// A client's connection and a peer's that have become one (RFC 6062 section 5.4): octets go from
// each to the other as they are. Nothing is read from one side while the other does not take what
// was read before, so that each side feels the other's pace. When a side ends, what was read from
// it is still sent, then both are closed. It belongs to a JoinedConnections and ends only through
// it. Shard's thread only.
class JoinedConnection {
 public:
  // `owner` must outlive the object. `from_client` was read from the client already,
  // `to_client` is what it is to be sent first.
  JoinedConnection(JoinedConnections& owner, turn::ClientHandle key, StreamSocket client,
                   StreamSocket peer, std::vector<std::uint8_t> from_client,
                   std::vector<std::uint8_t> to_client, std::shared_ptr<Allowance> allowance);
  JoinedConnection(const JoinedConnection&) = delete;
  JoinedConnection& operator=(const JoinedConnection&) = delete;

  void Start();
  // The system says that what one direction waited for can be done; it left off, and can go on.
  void OnReady(Direction direction, bool to_write);
  void GoOn(Direction direction) { Advance(FlowOf(direction)); }
  // Ends both sides, after what was read has been sent.
  void End();
  // What was held back for the limits, and is the next of its allocation to go: whether it may now.
  // GoOn is to follow.
  bool AdmitHeldBack(Direction direction);

  // Whether it no longer carries anything, and only waits for the sides to agree that it is over.
  bool has_ended() const { return stage_ == Stage::kDraining; }
  bool IsOverdue(base::MonotonicTime now) const;

 private:
  static constexpr int kReadsPerTurn = 4;
  // For what was read when a side ended; then for the sides' own end.
  static constexpr std::chrono::seconds kFlushTimeout{30};
  static constexpr std::chrono::seconds kDrainTimeout{5};

  enum class Stage : std::uint8_t { kFlowing, kFlushing, kDraining };

  // One direction.
  struct Flow {
    StreamSocket& from;
    StreamSocket& to;
    Direction direction;
    std::vector<std::uint8_t> waiting;  // read, and not yet written
    std::size_t admitted = 0;           // so many octets of it the limits allow
    bool is_held_back = false;          // waits in the owner for the limits
    bool is_waiting_to_read = false;
    bool is_waiting_to_write = false;
    bool is_finished = false;     // the receiving side has been told that nothing follows
    bool is_source_over = false;  // nothing can be read from its source
  };

  Flow& FlowOf(Direction direction) { return direction == up_.direction ? up_ : down_; }
  void Advance(Flow& flow);
  // Whether nothing waits any more.
  bool WriteWaiting(Flow& flow);
  // Writes as much as the receiving side takes now and returns the rest; empty as well if the side
  // is broken.
  base::Bytes Write(Flow& flow, base::Bytes octets);
  // Whether the limits allow some of what waits; otherwise it is held back.
  bool AdmitWaiting(Flow& flow);
  // Reads once and passes it on. False: there is nothing to read now, or ever.
  bool Carry(Flow& flow);
  void FinishIfFlushed(Flow& flow);
  // Reads what nobody wants any more, until the side has ended, too.
  void Drain(Flow& flow);
  // The receiving side takes nothing any more; what it has sent may still be there to be read.
  void OnUnwritable(Flow& flow);
  void Wait(Flow& flow, bool to_write, StreamOutcome outcome);

  JoinedConnections& owner_;
  turn::ClientHandle key_;
  StreamSocket client_;
  StreamSocket peer_;
  std::shared_ptr<Allowance> allowance_;
  Flow up_;    // from the client to the peer
  Flow down_;  // and back
  Stage stage_ = Stage::kFlowing;
  base::MonotonicTime deadline_{};
};

}  // namespace relay
