#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/control/bearer_check.h"
#include "server/control/relay_control.h"
#include "server/control/reloader.h"
#include "server/control/service_sockets.h"
#include "server/control/upgrade_route.h"
#include "server/fleet/fleet.h"
#include "server/http/event_loop.h"
#include "server/http/http_server.h"
#include "server/web/http_message.h"

namespace relay {

// The slow part of the server, on one thread: health and metrics over HTTP, the credential API, the
// admin socket, signals, reloads and the drain. Constructed, started and run by the process's main
// thread; nothing here waits for anything but its event loop.
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

  // A listening socket of a process before this one, which becomes the plane's (docs/adr/0018).
  // Before Start, and by the names of service_sockets; what is not asked for is closed.
  void Inherit(const std::string& name, int socket);

  // Opens what the options name and takes over SIGTERM, SIGINT, SIGHUP and SIGPIPE. Fails with the
  // reason when the metrics port or the admin socket cannot be had.
  base::Result<void> Start();

  // The loop that everything on the control thread runs on; it lives as long as the plane. After
  // Start.
  EventLoop& loop();

  // From now on this node does its duty in the fleet, which also has a say in readiness. `describe`
  // says how it is, but for its load and whether it drains or is ready; empty: it is no relay.
  // Between Start and Run; the fleet must stay until Run has returned.
  void JoinFleet(Fleet& fleet, std::function<FleetNode()> describe);
  // The credential API, at the edge and on the listener of the configuration. `tls` is for HTTPS
  // there. Between Start and Run; all must stay until Run has returned. Fails when the listener
  // cannot be had, or what is needed to fetch the keys of issuers.
  base::Result<void> OfferCredentials(const Config& config, Fleet& fleet,
                                      HttpServer::TlsSource tls);

  // What listens, and can be given to another process. After Start and OfferCredentials.
  std::vector<ServiceSocket> service_sockets() const;
  // From now on an administrator can ask for an upgrade. `start` is called on the loop's thread,
  // which also has to hear of what came of it. Between Start and Run.
  void OfferUpgrade(std::function<void(UpgradeDone)> start);
  // Another process serves: this one listens no more, leaves its name in the fleet to the other,
  // and drains. The loop's thread.
  void LeaveToSuccessor();
  // Why nobody else may take over now; empty: somebody may. The loop's thread.
  std::string upgrade_obstacle() const;

  // Serves until a drain ends or a signal stops it, then stops the relay. Returns the process's
  // exit code.
  int Run();

  // Answers an HTTP request that came in at an edge listener. The control thread calls `reply`,
  // once, at once or when the answer is known; after Run has returned, never. Whoever asks has to
  // limit how many requests wait. Any thread, between Start and the destruction of the plane.
  void AnswerEdgeRequest(HttpRequest request, HttpReply reply);

  // Ends Run as SIGINT does. Any thread.
  void RequestStop();

  // The port of the metrics listener; 0: none. After Start.
  std::uint16_t metrics_port() const;
  // The port of the credential API's own listener; 0: none. After OfferCredentials.
  std::uint16_t credentials_port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
