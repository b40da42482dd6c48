#include "bench/loadgen/load_run.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

#include "bench/loadgen/control.h"
#include "bench/loadgen/machine.h"
#include "bench/loadgen/poller.h"
#include "bench/loadgen/progress.h"
#include "bench/loadgen/report.h"
#include "bench/loadgen/socket.h"
#include "bench/loadgen/tls_stream.h"
#include "bench/loadgen/traffic.h"

namespace loadgen {
namespace {

using base::MonotonicTime;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr auto kMaxWait = std::chrono::milliseconds(100);
// Packets under way when the sending stops have this long to arrive, counted from the last arrival.
constexpr auto kDrainQuiet = std::chrono::milliseconds(500);
constexpr auto kDrainLimit = std::chrono::seconds(5);
constexpr auto kSettlePatience = std::chrono::seconds(5);
constexpr std::uint64_t kOtherDescriptors = 16;

volatile std::sig_atomic_t stop_requested = 0;

void OnStopSignal(int) { stop_requested = 1; }

void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = OnStopSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

double SecondsBetween(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration<double>(to - from).count();
}

std::uint32_t RunNumber() {
  base::OsRandom random;
  return random.Below(UINT32_MAX);
}

// The parts of one run and the loop that drives them.
class LoadRun {
 public:
  LoadRun(const Options& options, const base::Endpoint& server, const TlsContext* tls,
          Poller& poller)
      : options_(options),
        poller_(poller),
        traffic_(options, RunNumber(), poller),
        control_(options, server, tls, base::ReadClocks(), poller, traffic_),
        progress_(options.is_quiet),
        report_{control_.figures(), traffic_.figures()} {}

  Result<void> OpenPeers(const base::Endpoint& server);
  void SetUp();
  void Load();
  void Release();
  const Report& Finish();

 private:
  void Step(MonotonicTime until);
  void Drain();

  const Options& options_;
  Poller& poller_;
  Traffic traffic_;
  Control control_;
  Progress progress_;
  Report report_;
};

Result<void> LoadRun::OpenPeers(const base::Endpoint& server) {
  if (!options_.has_peers()) return {};
  const Result<NetworkNamespace> there = NetworkNamespace::Enter(options_.peer_namespace);
  if (!there.ok()) return there.error();
  if (options_.peer_address) return traffic_.OpenPeers(*options_.peer_address);
  const Result<base::IpAddress> local = LocalAddressTowards(server);
  if (!local.ok()) return local.error();
  return traffic_.OpenPeers(local.value());
}

// One turn of the loop; waits until something happens, but not beyond `until`.
void LoadRun::Step(MonotonicTime until) {
  MonotonicTime now = Clock::now();
  MonotonicTime wake = std::min(until, now + kMaxWait);
  if (const auto due = control_.NextDue(now)) wake = std::min(wake, *due);
  if (const auto due = traffic_.NextDue(now)) wake = std::min(wake, *due);
  const auto wait = std::max(MonotonicTime::duration::zero(), wake - now);
  for (const Poller::Event& event : poller_.Wait(wait)) {
    if (event.kind == Poller::Kind::kPeer) {
      traffic_.OnPeerReadable(event.index);
      continue;
    }
    if (event.is_writable) control_.OnWritable(event.index, Clock::now());
    if (event.is_readable) control_.OnReadable(event.index);
  }
  now = Clock::now();
  control_.Advance(now);
  traffic_.Send(now);
}

void LoadRun::SetUp() {
  const MonotonicTime began = Clock::now();
  const double cpu = CpuSeconds();
  control_.BeginSetup(began);
  control_.Advance(began);
  while (!control_.is_setup_over()) {
    Step(MonotonicTime::max());
    const MonotonicTime now = Clock::now();
    if (stop_requested != 0) control_.AbortSetup(now);
    if (progress_.IsDue(now)) {
      progress_.ShowSetup(now, control_.figures(), options_.allocations);
    }
  }
  const MonotonicTime ended = Clock::now();
  progress_.ShowSetup(ended, control_.figures(), options_.allocations);
  progress_.Finish();
  report_.setup_seconds = SecondsBetween(began, ended);
  report_.setup_cpu_seconds = CpuSeconds() - cpu;
}

void LoadRun::Load() {
  const bool has_phase = options_.has_traffic() || options_.is_hold || options_.churn_rate > 0;
  if (!has_phase || control_.ready() == 0) return;
  const MonotonicTime began = Clock::now();
  const auto duration = std::chrono::duration_cast<MonotonicTime::duration>(
      std::chrono::duration<double>(options_.duration_seconds));
  const MonotonicTime end = began + duration;
  const double cpu = CpuSeconds();
  const double others = ThreadSeconds(options_.processes);
  traffic_.Start(began);
  control_.BeginChurn(began);
  traffic_.Send(began);
  MonotonicTime now = began;
  // A session of the churn may be on its way while no other is left.
  while (now < end && stop_requested == 0 && (control_.ready() > 0 || !control_.is_settled())) {
    Step(end);
    now = Clock::now();
    if (progress_.IsDue(now)) {
      progress_.ShowTraffic(now, traffic_.figures(), control_.figures(), control_.ready(),
                            SecondsBetween(now, end));
    }
  }
  traffic_.Stop();
  report_.traffic_seconds = SecondsBetween(began, now);
  report_.traffic_cpu_seconds = CpuSeconds() - cpu;
  report_.processes_cpu_seconds = ThreadSeconds(options_.processes) - others;
  control_.EndChurn();
  // Who is on the way in the churn arrives, unless that takes too long for somebody who waits.
  const MonotonicTime patience = now + kSettlePatience;
  while (!control_.is_settled()) {
    if (stop_requested != 0 && Clock::now() >= patience) control_.AbortSetup(Clock::now());
    Step(stop_requested != 0 ? Clock::now() + kSettlePatience : MonotonicTime::max());
  }
  Drain();
  progress_.Finish();
}

void LoadRun::Drain() {
  const auto received = [&] {
    std::uint64_t total = 0;
    for (const LaneFigures& lane : traffic_.figures()) total += lane.received;
    return total;
  };
  MonotonicTime now = Clock::now();
  const MonotonicTime limit = now + kDrainLimit;
  MonotonicTime quiet_since = now;
  std::uint64_t before = received();
  while (!traffic_.IsDrained() && now < limit && now - quiet_since < kDrainQuiet) {
    Step(std::min(limit, quiet_since + kDrainQuiet));
    now = Clock::now();
    if (received() != before) {
      before = received();
      quiet_since = now;
    }
  }
}

void LoadRun::Release() {
  report_.own_receive_drops = control_.ClientReceiveDrops() + traffic_.PeerReceiveDrops();
  if (!options_.is_release || options_.mode == Mode::kDirect) return;
  const MonotonicTime began = Clock::now();
  const double cpu = CpuSeconds();
  control_.BeginRelease(began);
  while (!control_.is_release_over()) {
    Step(MonotonicTime::max());
    const MonotonicTime now = Clock::now();
    if (progress_.IsDue(now)) progress_.ShowRelease(now, control_.figures());
  }
  progress_.Finish();
  report_.release_seconds = SecondsBetween(began, Clock::now());
  report_.release_cpu_seconds = CpuSeconds() - cpu;
}

const Report& LoadRun::Finish() {
  report_.total_cpu_seconds = CpuSeconds();
  report_.is_interrupted = stop_requested != 0;
  report_.problems = FindProblems(options_, report_);
  return report_;
}

Result<void> WriteJson(const Options& options, const Report& report) {
  if (options.json_file.empty()) return {};
  const std::string text = FormatJson(options, report);
  if (options.json_file == "-") {
    std::cout << text << std::flush;
    return {};
  }
  std::ofstream file(options.json_file);
  file << text << std::flush;
  if (!file) return base::Error{"cannot write " + options.json_file};
  return {};
}

}  // namespace

Result<int> Run(const Options& options) {
  const Result<base::Endpoint> server = Resolve(options.server);
  if (!server.ok()) return server.error();
  const Result<void> enough =
      EnsureDescriptors(std::uint64_t{options.allocations} + options.peers + kOtherDescriptors);
  if (!enough.ok()) return enough.error();
  if (options.cpu >= 0) {
    const Result<void> pinned = PinToCpu(options.cpu);
    if (!pinned.ok()) return pinned.error();
  }
  ReduceTimerSlack();
  CatchSignals();
  Result<Poller> poller = Poller::Create();
  if (!poller.ok()) return poller.error();

  std::optional<TlsContext> tls;
  if (options.transport == Transport::kTls) {
    Result<TlsContext> created = TlsContext::Create();
    if (!created.ok()) return created.error();
    tls = std::move(created).value();
  }

  LoadRun run(options, server.value(), tls ? &*tls : nullptr, poller.value());
  const Result<void> peers = run.OpenPeers(server.value());
  if (!peers.ok()) return peers.error();
  run.SetUp();
  run.Load();
  run.Release();
  const Report& report = run.Finish();

  if (!options.is_quiet) {
    std::FILE* const stream = options.json_file == "-" ? stderr : stdout;
    std::fputs(FormatText(options, report).c_str(), stream);
  }
  const Result<void> written = WriteJson(options, report);
  if (!written.ok()) return written.error();
  return report.problems.empty() ? 0 : 1;
}

}  // namespace loadgen
