#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/datapath/kernel/bpf_program.h"
#include "tests/server/datapath/kernel/frame.h"

namespace relay::test {

enum class Attachment : std::uint8_t { kTc, kXdp };

// What the program said about a frame.
// kFalseSum: the whole sum is not that of the octets any more. kUnknown: not possible on this
// kernel.
enum class Verdict : std::uint8_t { kPassed, kDropped, kRedirected, kFalseSum, kUnknown, kOther };
struct RunResult {
  Verdict verdict = Verdict::kOther;
  Octets frame;
};

// How a frame arrives at tc; XDP knows none of it.
struct Arrival {
  std::uint32_t gso_segs = 0;
  std::uint32_t gso_size = 0;
  bool has_whole_sum = false;  // taken by the interface (CHECKSUM_COMPLETE)
};

// A route with its addresses as values.
struct TestRoute {
  base::Endpoint client;
  base::Endpoint server;
  std::uint16_t channel = 0x4001;
  base::Endpoint relayed;
  base::Endpoint peer;
  std::uint32_t slot = 0;
  base::MonotonicTime deadline = base::MonotonicTime::max();
  std::uint32_t next_hop_to_client = 1;
  std::uint32_t next_hop_to_peer = 2;
  std::uint32_t flags = 0;
};
fastpath_route ToRecord(const TestRoute& route);

// Octets of a link: to the router, an MTU of 1500, an interface that nobody asks about.
fastpath_link MakeLink(std::uint32_t mtu = 1500, std::uint16_t vlan = 0);

// The program with listener port 3478 and relay ports 50000-50009, next hops 1 and 2, and a lease.
// It is loaded once for all tests; each begins without routes and with counters at zero. Where BPF
// is not permitted they skip.
class FastpathFixture {
 public:
  static constexpr FastpathSizes kSizes{.routes = 64, .slots = 16, .users = 8, .next_hops = 8};
  static constexpr std::uint16_t kListenerPort = 3478;
  static constexpr std::uint16_t kRelayPort = 50000;

  // False: skipped, or failed.
  bool Load();
  // Why BPF does not run here; empty: it does, or fails for another reason.
  const std::string& skip_reason() const { return skip_reason_; }

  FastpathMaps& maps() { return program_->maps(); }
  BpfProgram& program() { return *program_; }

  // At the next index. Its packets are taken over at once and before each run, unless that is
  // switched off.
  std::uint32_t Install(const TestRoute& route);
  void SetTakesOver(bool takes_over) { takes_over_ = takes_over; }
  // All that was installed, in both directions.
  void TakeOver();
  RunResult Run(Attachment attachment, const Octets& frame, const Arrival& arrival = {});

  std::uint64_t Outcomes(fastpath_outcome outcome);
  fastpath_traffic Relayed(fastpath_direction direction);
  fastpath_traffic OfSlot(std::uint32_t slot, fastpath_direction direction);

 private:
  static std::unique_ptr<BpfProgram>& Shared();
  void Reset();

  BpfProgram* program_ = nullptr;
  std::string skip_reason_;
  std::uint32_t next_route_ = 0;
  bool takes_over_ = true;
  fastpath_totals totals_before_{};
  std::vector<fastpath_slot_counters> slots_before_;
};

}  // namespace relay::test
