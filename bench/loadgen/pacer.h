#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/time.h"

namespace loadgen {

// Decides which flow of a lane sends next, and how much: so many packets a second over all flows in
// turn (open loop), so many in flight per flow, or so many in flight over all flows in turn (closed
// loops). Knows nothing of sockets. It allocates when it is made, never later.
class Pacer {
 public:
  enum class Kind : std::uint8_t { kRate, kFlowWindow, kTotalWindow };
  struct Run {
    std::uint32_t flow;
    std::uint32_t packets;
  };

  // `amount`: packets a second, or packets in flight. All flows begin inactive.
  Pacer(Kind kind, double amount, std::uint32_t flows);

  void SetActive(std::uint32_t flow, bool is_active);
  // From here on time counts.
  void Start(base::MonotonicTime now);
  // Earns what is due by `now`. An open loop that has fallen more than 20 ms behind gives up the
  // rest: see missed().
  void Advance(base::MonotonicTime now);

  // The next packets to send, at most `most`, of one flow; nullopt: nothing is due. They count as
  // sent.
  std::optional<Run> Next(std::uint32_t most);
  // Packets of a run that could not be sent after all. A closed loop will offer them again, an open
  // loop counts them as missed.
  void GiveBack(Run run);
  // Packets that arrived or are known to be lost.
  void OnFreed(std::uint32_t flow, std::uint64_t packets);
  // To be called a few times a second: a closed loop from which nothing came back since the last
  // call takes what is still in flight for lost and starts anew.
  void OnSilenceCheck();

  // When Next can have something again without any arrival; nullopt: only an arrival helps.
  std::optional<base::MonotonicTime> NextDue() const;
  // Packets of an open loop that were due and not sent because this program, or its socket, was too
  // slow.
  std::uint64_t missed() const { return missed_; }

 private:
  struct FlowState {
    bool is_active = false;
    bool is_queued = false;
    std::uint32_t in_flight = 0;
    std::uint32_t freed = 0;  // since the last silence check
  };

  void Enqueue(std::uint32_t flow);
  std::optional<Run> NextInQueue(std::uint32_t most);
  std::optional<Run> NextInTurn(std::uint32_t most);

  Kind kind_;
  double amount_;
  std::uint32_t window_;
  std::vector<FlowState> flows_;
  std::uint32_t active_ = 0;

  std::vector<std::uint32_t> queue_;  // kFlowWindow: a ring of flows that may send
  std::size_t queue_head_ = 0;
  std::size_t queue_size_ = 0;

  std::uint32_t cursor_ = 0;   // kRate, kTotalWindow: whose turn it is
  std::uint64_t credits_ = 0;  // likewise
  // With more due than flows, each flow sends its share in one run: fewer system calls.
  std::uint64_t share_ = 1;
  std::uint32_t turns_left_ = 0;  // with this share
  std::uint64_t freed_ = 0;
  base::MonotonicTime start_;
  std::uint64_t granted_ = 0;  // kRate: packets due so far
  std::uint64_t missed_ = 0;
};

}  // namespace loadgen
