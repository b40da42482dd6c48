// What the program of the kernel datapath costs by itself (BPF_PROG_TEST_RUN), without the system's
// own work before and after it. A test run gives the program its own output again and again, so the
// routes lead in circles: what leaves for the peer comes in as a peer's datagram, and the other way
// round. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <bpf/bpf.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "server/datapath/kernel/bpf_program.h"

namespace {

constexpr std::uint32_t kRepetitions = 100'000;
constexpr std::uint16_t kListenerPort = 3478;
constexpr std::uint16_t kRelayPort = 50000;
constexpr std::uint16_t kOtherRelayPort = 50001;
constexpr std::uint16_t kChannel = 0x4000;

enum class Attachment : std::uint8_t { kTc, kXdp };

// 192.0.2.x, or 2001:db8::x.
fastpath_address Address(bool is_v6, std::uint32_t last) {
  if (is_v6) return {{htonl(0x20010db8), 0, 0, htonl(last)}};
  return {{0, 0, htonl(0xffff), htonl(0xc0000200 | last)}};
}

// Both ends of both hops are the same two addresses; ports tell the roles.
fastpath_route CircularRoute(bool is_v6) {
  const fastpath_address client = Address(is_v6, 1);
  const fastpath_address server = Address(is_v6, 2);
  fastpath_route route{};
  route.channel = {client, server, htons(61000), htons(kListenerPort), htons(kChannel), 0};
  route.peer = {server, client, htons(kRelayPort), htons(7000)};
  route.deadline_ns = UINT64_MAX;
  route.next_hop_to_client = 1;
  route.next_hop_to_peer = 1;
  return route;
}

class Bench {
 public:
  Bench() {
    auto loaded = relay::BpfProgram::Load({.routes = 64, .slots = 64, .next_hops = 8});
    if (!loaded.ok()) {
      problem_ = loaded.error().message;
      return;
    }
    program_ = std::move(loaded).value();
    relay::FastpathMaps& maps = program_->maps();
    maps.SetLease(base::MonotonicTime::max());
    maps.SetNewHopLimit(64);
    maps.SetPortRole(kListenerPort, FASTPATH_PORT_LISTENER);
    maps.SetPortRole(kRelayPort, FASTPATH_PORT_RELAY);
    maps.SetPortRole(kOtherRelayPort, FASTPATH_PORT_RELAY);
    fastpath_link link{};
    link.ifindex = 1;
    link.mtu = 1500;
    maps.SetNextHop(1, link);
    // That of test runs.
    maps.SetInterface(1, std::array<std::uint8_t, 6>{});
  }

  const std::string& problem() const { return problem_; }
  relay::FastpathMaps& maps() { return program_->maps(); }
  // Its packets are the program's from the start.
  bool Install(std::uint32_t index, const fastpath_route& route) {
    if (!maps().InstallRoute(index, route).ok()) return false;
    maps().handover(index, FASTPATH_CLIENT_TO_PEER) = FASTPATH_TAKEN_OVER;
    maps().handover(index, FASTPATH_PEER_TO_CLIENT) = FASTPATH_TAKEN_OVER;
    return true;
  }

  // Seconds for one packet.
  double Run(Attachment attachment, const std::vector<std::uint8_t>& frame) {
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = kRepetitions;
    const int descriptor =
        attachment == Attachment::kTc ? program_->tc_descriptor() : program_->xdp_descriptor();
    if (bpf_prog_test_run_opts(descriptor, &options) != 0) return 0;
    return options.duration * 1e-9;
  }

 private:
  std::unique_ptr<relay::BpfProgram> program_;
  std::string problem_;
};

void Append16(std::vector<std::uint8_t>& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

// ChannelData from the route's client; checksums are right enough for the program, which does not
// verify that of UDP.
std::vector<std::uint8_t> Frame(const fastpath_route& route, bool is_v6, std::size_t data_bytes) {
  const std::size_t udp_bytes = 8 + 4 + data_bytes;
  std::vector<std::uint8_t> frame(12);
  const auto append_address = [&](const fastpath_address& address) {
    const auto* octets = static_cast<const std::uint8_t*>(static_cast<const void*>(&address));
    frame.insert(frame.end(), octets + (is_v6 ? 0 : 12), octets + 16);
  };
  Append16(frame, is_v6 ? 0x86dd : 0x0800);
  if (is_v6) {
    Append16(frame, 0x6000);
    Append16(frame, 0);
    Append16(frame, udp_bytes);
    Append16(frame, 17 << 8 | 64);
  } else {
    for (const std::size_t value : {std::size_t{0x4500}, 20 + udp_bytes, std::size_t{0},
                                    std::size_t{0x4000}, std::size_t{64 << 8 | 17}, std::size_t{0}})
      Append16(frame, value);
  }
  append_address(route.channel.client);
  append_address(route.channel.server);
  if (!is_v6) {
    std::uint32_t sum = 0;
    for (std::size_t i = 14; i < 34; i += 2)
      sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    frame[24] = static_cast<std::uint8_t>(sum >> 8);
    frame[25] = static_cast<std::uint8_t>(sum);
  }
  Append16(frame, ntohs(route.channel.client_port));
  Append16(frame, ntohs(route.channel.server_port));
  Append16(frame, udp_bytes);
  Append16(frame, 0x1234);
  Append16(frame, ntohs(route.channel.channel));
  Append16(frame, data_bytes);
  frame.resize(frame.size() + data_bytes, 0x5a);
  return frame;
}

// The packets that are counted as relayed must be all that there were.
void Measure(benchmark::State& state, Bench& bench, Attachment attachment,
             const std::vector<std::uint8_t>& frame, std::uint64_t counts_per_packet) {
  const auto relayed = [&] {
    const fastpath_totals totals = bench.maps().ReadTotals().value();
    return totals.relayed[0].packets + totals.relayed[1].packets;
  };
  for (auto _ : state) {
    const std::uint64_t before = relayed();
    state.SetIterationTime(bench.Run(attachment, frame));
    if (relayed() - before != kRepetitions * counts_per_packet)
      state.SkipWithError("not every packet was treated as it should be");
  }
}

// So that every packet is charged and none is dropped.
relay::TrafficLimits LimitsThatAreNeverMet(bool are_set) {
  const std::uint64_t most = are_set ? UINT64_MAX / 4 : 0;
  return {.allocation = {.bytes_per_second = most, .packets_per_second = 0}, .shared = {}};
}

// Half of the packets go one way, half the other: the mean of both directions.
void BothDirections(benchmark::State& state, Attachment attachment) {
  Bench bench;
  if (!bench.problem().empty()) return state.SkipWithError(bench.problem().c_str());
  const bool is_v6 = state.range(0) == 6;
  // What left for the peer comes in at a relayed transport address of a second route. To its client
  // leaves what looks like what came in first.
  fastpath_route sent = CircularRoute(is_v6);
  sent.peer.peer_port = htons(kOtherRelayPort);
  fastpath_route back = sent;
  back.channel = {.client = sent.channel.server,
                  .server = sent.channel.client,
                  .client_port = sent.channel.server_port,
                  .server_port = sent.channel.client_port,
                  .channel = sent.channel.channel,
                  .zero = 0};
  back.peer = {.relayed = sent.peer.peer,
               .peer = sent.peer.relayed,
               .relayed_port = sent.peer.peer_port,
               .peer_port = sent.peer.relayed_port};
  bench.maps().SetLimits(LimitsThatAreNeverMet(state.range(2) != 0));
  if (!bench.Install(0, sent) || !bench.Install(1, back))
    return state.SkipWithError("the routes are not taken");
  Measure(state, bench, attachment, Frame(sent, is_v6, static_cast<std::size_t>(state.range(1))),
          1);
}

void RelayToRelay(benchmark::State& state, Attachment attachment) {
  Bench bench;
  if (!bench.problem().empty()) return state.SkipWithError(bench.problem().c_str());
  const bool is_v6 = state.range(0) == 6;
  // The other client is the first one's server and its server the first client: what goes out looks
  // like what came in.
  fastpath_route first = CircularRoute(is_v6);
  first.channel.client_port = htons(kListenerPort);
  first.peer.peer = first.peer.relayed;
  first.peer.peer_port = htons(kOtherRelayPort);
  first.flags = FASTPATH_PEER_IS_OWN_RELAY;
  fastpath_route second = first;
  second.channel.client = first.channel.server;
  second.channel.server = first.channel.client;
  second.peer.relayed_port = first.peer.peer_port;
  second.peer.peer_port = first.peer.relayed_port;
  bench.maps().SetLimits(LimitsThatAreNeverMet(state.range(2) != 0));
  if (!bench.Install(0, first) || !bench.Install(1, second))
    return state.SkipWithError("the routes are not taken");
  Measure(state, bench, attachment, Frame(first, is_v6, static_cast<std::size_t>(state.range(1))),
          2);
}

void Miss(benchmark::State& state, Attachment attachment) {
  Bench bench;
  if (!bench.problem().empty()) return state.SkipWithError(bench.problem().c_str());
  const bool is_v6 = state.range(0) == 6;
  Measure(state, bench, attachment,
          Frame(CircularRoute(is_v6), is_v6, static_cast<std::size_t>(state.range(1))), 0);
}

void Shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"ip", "bytes", "limits"})->UseManualTime()->Iterations(5);
  for (const int family : {4, 6})
    for (const int bytes : {160, 1200})
      for (const int limits : {0, 1}) benchmark->Args({family, bytes, limits});
}

// Of other programs on this host.
void Foreign(benchmark::State& state, Attachment attachment) {
  Bench bench;
  if (!bench.problem().empty()) return state.SkipWithError(bench.problem().c_str());
  bench.maps().SetPortRole(kListenerPort, FASTPATH_PORT_FOREIGN);
  const bool is_v6 = state.range(0) == 6;
  Measure(state, bench, attachment,
          Frame(CircularRoute(is_v6), is_v6, static_cast<std::size_t>(state.range(1))), 0);
}

// Past the lease: what a run costs that looks at nothing.
void Off(benchmark::State& state, Attachment attachment) {
  Bench bench;
  if (!bench.problem().empty()) return state.SkipWithError(bench.problem().c_str());
  bench.maps().SetLease(base::MonotonicTime{});
  const bool is_v6 = state.range(0) == 6;
  Measure(state, bench, attachment,
          Frame(CircularRoute(is_v6), is_v6, static_cast<std::size_t>(state.range(1))), 0);
}

BENCHMARK_CAPTURE(BothDirections, tc, Attachment::kTc)->Apply(Shapes);
BENCHMARK_CAPTURE(BothDirections, xdp, Attachment::kXdp)->Apply(Shapes);
BENCHMARK_CAPTURE(RelayToRelay, tc, Attachment::kTc)->Apply(Shapes);
BENCHMARK_CAPTURE(RelayToRelay, xdp, Attachment::kXdp)->Apply(Shapes);
BENCHMARK_CAPTURE(Miss, tc, Attachment::kTc)->Apply(Shapes);
BENCHMARK_CAPTURE(Miss, xdp, Attachment::kXdp)->Apply(Shapes);
BENCHMARK_CAPTURE(Foreign, tc, Attachment::kTc)->Apply(Shapes);
BENCHMARK_CAPTURE(Foreign, xdp, Attachment::kXdp)->Apply(Shapes);
BENCHMARK_CAPTURE(Off, tc, Attachment::kTc)->Apply(Shapes);
BENCHMARK_CAPTURE(Off, xdp, Attachment::kXdp)->Apply(Shapes);

}  // namespace
