#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/doctor/watched_ways.h"
#include "server/http/event_loop.h"
#include "server/http/http_server.h"
#include "server/metrics/probe_metrics.h"
#include "server/probe/turn_probe.h"

namespace relay {

// What a probe's report comes to in the series of its way, whose runs go on.
void Account(const ProbeReport& report, ProbeSeries& series);

// Relays by each way once an interval, for as long as it runs, and says on HTTP what came of it. A
// probe waits for the network, so it has a thread of its own, of which there are only so many;
// everything else is on the thread that called Run.
class Watch {
 public:
  struct Options {
    std::vector<WatchedWay> ways;
    // Asked before each probe: credentials are valid for some time only.
    std::function<ProbeCredential()> credential;
    std::chrono::nanoseconds interval = std::chrono::seconds(15);
    base::Endpoint listen;  // port 0: any free one
    ProbePlan plan{.packets = 10,
                   .setup_patience = std::chrono::milliseconds(3000),
                   .packet_patience = std::chrono::milliseconds(500),
                   .pause = std::chrono::milliseconds(20)};  // as speech
  };

  // Fails when the address for HTTP cannot be had.
  static base::Result<std::unique_ptr<Watch>> Open(Options options);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  std::uint16_t port() const { return server_->port(); }
  // Until SIGTERM or SIGINT; then waits for the probes under way, which give back what they have
  // allocated.
  void Run();

 private:
  static constexpr std::size_t kAtOnce = 16;

  struct Probed {
    WatchedWay way;
    ProbeSeries series;
    std::string failure;  // of the last probe; empty: none
    std::thread thread;   // while one is under way
    bool is_running = false;
    bool is_due = true;
    std::unique_ptr<Timer> timer;
  };

  Watch(Options options, std::unique_ptr<EventLoop> loop);

  void StartDue();
  void Start(Probed& probed);
  void OnDone(Probed& probed, const ProbeReport& report);
  HttpResponse Serve(const HttpRequest& request) const;

  const Options options_;
  std::unique_ptr<EventLoop> loop_;
  std::vector<std::unique_ptr<Probed>> probed_;
  std::size_t running_ = 0;
  bool is_ending_ = false;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace relay
