#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "bench/loadgen/histogram.h"
#include "bench/loadgen/payload.h"

// What was counted, as the report prints it. Plain values.
namespace loadgen {

// By cause: a STUN error code ("486"), or timeout, refused, disconnected, malformed, partner,
// socket, interrupted.
using Failures = std::map<std::string, std::uint64_t>;

inline std::uint64_t Total(const Failures& failures) {
  std::uint64_t total = 0;
  for (const auto& [cause, count] : failures) total += count;
  return total;
}

struct ControlFigures {
  std::uint64_t requests = 0;  // transactions, each counted once
  std::uint64_t retransmissions = 0;
  std::uint64_t stale_nonces = 0;  // 438
  std::uint64_t ignored_responses = 0;
  std::uint64_t socket_errors = 0;
  Histogram transaction_latency;

  std::uint64_t address_changes = 0;  // set-ups that went on from another port after a 437
  std::uint64_t set_up = 0;
  Failures setup_failures;
  Histogram setup_latency;  // from the first octet to ready, all transactions

  std::uint64_t refreshed = 0;
  Failures keep_failures;  // while the allocations were in use

  std::uint64_t churn_released = 0;
  std::uint64_t churn_set_up = 0;
  Failures churn_failures;
  Histogram churn_latency;

  std::uint64_t release_requested = 0;
  std::uint64_t released = 0;
  Failures release_failures;

  std::uint64_t receive_drops = 0;  // of client sockets that were closed
};

struct LaneFigures {
  bool is_used = false;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;  // each packet once
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t gaps = 0;    // skipped and not come late: the loss known while packets still fly
  std::uint64_t missed = 0;  // due, and not sent, for want of time here
  std::uint64_t turned_around = 0;     // echo: sent back by the peer
  std::uint64_t received_in_time = 0;  // before the sending stopped
  Histogram latency;

  std::uint64_t lost() const { return sent > received ? sent - received : 0; }
};

using LaneFiguresTable = std::array<LaneFigures, kLaneCount>;

}  // namespace loadgen
