#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/control/relay_control.h"
#include "server/control/reloader.h"
#include "server/web/http_message.h"

namespace relay {

// The slow part of the server, on one thread: health and metrics over HTTP, the admin socket,
// signals, reloads and the drain. Constructed, started and run by the process's main thread;
// nothing here waits for anything but its event loop.
class ControlPlane {
 public:
  struct Options {
    std::string version;
    std::optional<base::Endpoint>
        metrics_address;       // nullopt: no metrics, no probes; port 0: any free one
    std::string admin_socket;  // "": none
    std::chrono::nanoseconds drain_deadline = std::chrono::hours(1);
    std::chrono::nanoseconds drain_poll = std::chrono::milliseconds(250);
    std::chrono::milliseconds http_timeout = std::chrono::seconds(30);
    std::chrono::nanoseconds certificate_poll = std::chrono::seconds(1);
    std::optional<Reloader::Source> configuration;  // nullopt: none that could be read again
  };

  // `relay` must outlive the plane.
  ControlPlane(Options options, RelayControl& relay);
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;
  ~ControlPlane();

  // Opens what the options name and takes over SIGTERM, SIGINT, SIGHUP and SIGPIPE. Fails with the
  // reason when the metrics port or the admin socket cannot be had.
  base::Result<void> Start();

  // Serves until a drain ends or a signal stops it, then stops the relay. Returns the process's
  // exit code.
  int Run();

  // Answers an HTTP request that came in at an edge listener. The control thread calls `reply`,
  // once and soon; after Run has returned, never. Whoever asks has to limit how many requests wait.
  // Any thread, between Start and the destruction of the plane.
  void AnswerEdgeRequest(HttpRequest request, std::function<void(HttpResponse)> reply);

  // Ends Run as SIGINT does. Any thread.
  void RequestStop();

  // The port of the metrics listener; 0: none. After Start.
  std::uint16_t metrics_port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
