#include "server/doctor/watch.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "protocol/base/random.h"
#include "server/log/log.h"
#include "server/metrics/collector.h"
#include "server/metrics/metric_labels.h"
#include "server/probe/name_lookup.h"

namespace relay {
namespace {

double Seconds(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::chrono::microseconds MedianOf(std::vector<std::chrono::microseconds> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

// Names are looked up each time: a node may have moved.
ProbeReport Probe(const WatchedWay& way, const ProbeCredential& credential, const ProbePlan& plan) {
  const auto addresses = LookUp(way.node, way.port);
  if (!addresses.ok()) {
    ProbeReport report;
    report.failure = addresses.error().message;
    return report;
  }
  const bool is_address = base::IpAddress::Parse(way.node).has_value();
  base::OsRandom random;
  return ProbeRelay({way.transport, addresses.value().front(), is_address ? "" : way.node},
                    credential, plan, random);
}

std::string TroubleOf(const ProbeReport& report) {
  if (!report.failure.empty()) return report.failure;
  return report.round_trips.empty() ? "no packet comes back" : "";
}

}  // namespace

void Account(const ProbeReport& report, ProbeSeries& series) {
  const std::size_t back = report.round_trips.size();
  series.is_up = report.failure.empty() && back > 0;
  series.loss_ratio =
      report.sent == 0 ? 1
                       : static_cast<double>(report.sent - back) / static_cast<double>(report.sent);
  series.round_trip_seconds.reset();
  series.jitter_seconds.reset();
  if (back > 0) {
    series.round_trip_seconds = Seconds(MedianOf(report.round_trips));
    series.jitter_seconds = Seconds(JitterOf(report.round_trips));
  }
  ProbeOutcome outcome = ProbeOutcome::kFailure;
  if (series.is_up) outcome = report.is_whole() ? ProbeOutcome::kSuccess : ProbeOutcome::kLoss;
  ++series.runs[LabelIndex(outcome)];
}

base::Result<std::unique_ptr<Watch>> Watch::Open(Options options) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return loop.error();
  std::unique_ptr<Watch> watch(new Watch(std::move(options), std::move(loop).value()));
  auto server =
      HttpServer::Listen(*watch->loop_, {.address = watch->options_.listen},
                         [raw = watch.get()](const HttpRequest& request, const HttpReply& reply) {
                           reply(raw->Serve(request));
                         });
  if (!server.ok()) return server.error();
  watch->server_ = std::move(server).value();
  return watch;
}

Watch::Watch(Options options, std::unique_ptr<EventLoop> loop)
    : options_(std::move(options)), loop_(std::move(loop)) {
  for (const WatchedWay& way : options_.ways) {
    Probed& probed = *probed_.emplace_back(std::make_unique<Probed>());
    probed.way = way;
    probed.series.node = way.node;
    probed.series.transport = std::string(ToString(way.transport));
    probed.timer = std::make_unique<Timer>(*loop_, [this, &probed] {
      probed.is_due = true;
      StartDue();
    });
  }
}

Watch::~Watch() {
  for (const auto& probed : probed_) {
    if (probed->thread.joinable()) probed->thread.join();
  }
}

void Watch::Run() {
  const auto stop = [this] {
    is_ending_ = true;
    loop_->Stop();
  };
  loop_->OnSignal(SIGTERM, stop);
  loop_->OnSignal(SIGINT, stop);
  StartDue();
  loop_->Run();
}

void Watch::StartDue() {
  for (const auto& probed : probed_) {
    if (running_ >= kAtOnce || is_ending_) return;
    if (probed->is_due && !probed->is_running) Start(*probed);
  }
}

void Watch::Start(Probed& probed) {
  probed.is_due = false;
  probed.is_running = true;
  ++running_;
  // From one beginning to the next, however long it takes.
  probed.timer->Start(options_.interval);
  probed.thread = std::thread([this, &probed, credential = options_.credential()] {
    const ProbeReport report = Probe(probed.way, credential, options_.plan);
    loop_->Post([this, &probed, report] { OnDone(probed, report); });
  });
}

void Watch::OnDone(Probed& probed, const ProbeReport& report) {
  probed.thread.join();
  probed.is_running = false;
  --running_;
  Account(report, probed.series);
  std::string trouble = TroubleOf(report);
  if (trouble != probed.failure) {
    Log(trouble.empty() ? LogLevel::kInfo : LogLevel::kWarning,
        trouble.empty() ? "packets are relayed again" : "nothing is relayed",
        {{"node", probed.way.node},
         {"transport", probed.series.transport},
         {"port", probed.way.port},
         {"reason", trouble}});
    probed.failure = std::move(trouble);
  }
  StartDue();
}

HttpResponse Watch::Serve(const HttpRequest& request) const {
  if (request.path() == "/livez") return TextResponse(200, "alive\n");
  if (request.path() != "/metrics") return TextResponse(404, "not found\n");
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  std::vector<ProbeSeries> ways;
  ways.reserve(probed_.size());
  for (const auto& probed : probed_) ways.push_back(probed->series);
  return {200, {{"Content-Type", kMetricsContentType}}, RenderProbeMetrics(ways)};
}

}  // namespace relay
