#include "server/control/control_plane.h"

#include <algorithm>
#include <csignal>
#include <functional>
#include <iterator>
#include <utility>

#include "protocol/base/random.h"
#include "server/control/admin_routes.h"
#include "server/control/bearer_settings.h"
#include "server/control/check_page.h"
#include "server/control/credential_routes.h"
#include "server/control/credential_settings.h"
#include "server/control/drain_controller.h"
#include "server/control/drain_duty.h"
#include "server/control/edge_routes.h"
#include "server/control/fleet_duty.h"
#include "server/control/health_routes.h"
#include "server/control/jwks_refresher.h"
#include "server/control/log_settings.h"
#include "server/control/metrics_routes.h"
#include "server/control/problem.h"
#include "server/control/session_routes.h"
#include "server/control/status_report.h"
#include "server/control/upgrade_route.h"
#include "server/http/event_loop.h"
#include "server/http/http_server.h"
#include "server/http/line_server.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr std::string_view kDraining = "draining";

// Of the credential API: what a slow client can hold, and for how long.
constexpr std::chrono::seconds kApiTimeout{10};
constexpr std::size_t kApiConnections = 4096;

}  // namespace

class ControlPlane::Impl {
 public:
  Impl(Options options, RelayControl& relay)
      : options_(std::move(options)),
        relay_(relay),
        reloader_(std::exchange(options_.configuration, std::nullopt),
                  [this](const Config& config) { return Reconfigure(config); }) {}

  base::Result<void> Start() {
    auto loop = EventLoop::Create();
    if (!loop.ok()) return loop.error();
    loop_ = std::move(loop).value();
    drain_ = std::make_unique<DrainDuty>(
        *loop_, relay_, DrainDuty::Options{options_.drain_deadline, options_.drain_poll}, [this] {
          if (fleet_ != nullptr) fleet_->Announce();
        });
    sessions_ = std::make_unique<SessionRoutes>(*loop_, relay_);
    certificate_timer_ = std::make_unique<Timer>(*loop_, [this] { RefreshCertificates(); });
    certificate_timer_->Start(options_.certificate_poll);
    WatchSignals();
    AddCommands();

    if (options_.metrics_address) {
      HttpServer::Options http{
          .address = *options_.metrics_address,
          .inherited_socket = inherited_.Take(MetricsSocketName(*options_.metrics_address)),
          .timeout = options_.http_timeout};
      auto server = HttpServer::Listen(
          *loop_, http,
          [this](const HttpRequest& request, const HttpReply& reply) { reply(Serve(request)); });
      if (!server.ok()) return base::Error{"metrics: " + server.error().message};
      http_server_ = std::move(server).value();
    }
    if (!options_.admin_socket.empty()) {
      LineServer::Options admin{
          .socket_path = options_.admin_socket,
          .inherited_socket = inherited_.Take(AdminSocketName(options_.admin_socket))};
      auto server = LineServer::Listen(
          *loop_, admin,
          [this](std::string_view line, const LineReply& reply) { commands_.Answer(line, reply); });
      if (!server.ok()) return base::Error{"admin socket: " + server.error().message};
      line_server_ = std::move(server).value();
    }
    return {};
  }

  EventLoop& loop() { return *loop_; }

  void JoinFleet(Fleet& fleet, std::function<FleetNode()> describe) {
    FleetDuty::Options duty;
    if (describe) {
      duty.describe = [this, describe = std::move(describe)] { return WithItsState(describe()); };
    }
    fleet_ = std::make_unique<FleetDuty>(*loop_, relay_, fleet, std::move(duty));
  }

  int Run() {
    CHECK(loop_ != nullptr);
    if (line_server_ != nullptr) line_server_->OwnFile();
    if (drain_->controller().phase() != DrainController::Phase::kStopped) loop_->Run();
    // Before the relay goes: nobody may ask about it any more.
    line_server_.reset();
    http_server_.reset();
    credentials_server_.reset();
    credentials_.reset();
    bearer_.reset();
    if (fleet_ != nullptr && !has_successor_) fleet_->Withdraw();
    relay_.Stop();
    if (fleet_ != nullptr) fleet_->Finish();
    fleet_.reset();
    return 0;
  }

  base::Result<void> OfferCredentials(const Config& config, Fleet& fleet,
                                      HttpServer::TlsSource tls) {
    bearer_ = std::make_unique<JwksRefresher>(*loop_, process_counters_);
    const JwksRefresher::Settings tokens = MakeBearerSettings(config);
    auto client = bearer_->MakeClient(tokens);
    if (!client.ok()) return client.error();
    bearer_->Configure(tokens, std::move(client).value());
    credentials_ = std::make_unique<CredentialRoutes>(
        MakeCredentialSettings(config),
        CredentialRoutes::Parts{fleet, *bearer_, process_counters_, random_, base::ReadClocks});
    credentials_address_ = {config.credentials.listener_address, config.credentials.listener_port};
    HttpServer::Options http{
        .address = credentials_address_,
        .inherited_socket = inherited_.Take(CredentialsSocketName(credentials_address_)),
        .tls = std::move(tls),
        .timeout = kApiTimeout,
        .max_connections = kApiConnections};
    auto server = HttpServer::Listen(*loop_, http,
                                     [this](const HttpRequest& request, const HttpReply& reply) {
                                       AnswerCredentials(request, Timed(reply));
                                     });
    if (!server.ok()) return base::Error{"credentials: " + server.error().message};
    credentials_server_ = std::move(server).value();
    return {};
  }

  void AnswerEdgeRequest(HttpRequest request, HttpReply reply) {
    loop_->Post([this, request = std::move(request), reply = std::move(reply)] {
      const bool is_for_api = credentials_ != nullptr && credentials_->Knows(request.path());
      if (!is_for_api) return Timed(reply)(RouteEdge(request));
      credentials_->Answer(request, Timed([request, reply](HttpResponse response) {
                             reply(ShortenForStrangers(request, std::move(response)));
                           }));
    });
  }

  void Inherit(const std::string& name, int socket) { inherited_.Add(name, socket); }

  std::vector<ServiceSocket> service_sockets() const {
    std::vector<ServiceSocket> sockets;
    if (http_server_ != nullptr) {
      sockets.push_back(
          {MetricsSocketName(*options_.metrics_address), http_server_->listening_socket()});
    }
    if (line_server_ != nullptr)
      sockets.push_back({AdminSocketName(options_.admin_socket), line_server_->listening_socket()});
    if (credentials_server_ != nullptr) {
      sockets.push_back(
          {CredentialsSocketName(credentials_address_), credentials_server_->listening_socket()});
    }
    return sockets;
  }

  void OfferUpgrade(std::function<void(UpgradeDone)> start) {
    AddUpgradeCommand(commands_, *loop_, std::move(start));
  }

  std::string upgrade_obstacle() const {
    return drain_->controller().is_draining() ? "the server is draining" : "";
  }

  void LeaveToSuccessor() {
    has_successor_ = true;
    if (line_server_ != nullptr) line_server_->LeaveFile();
    line_server_.reset();
    http_server_.reset();
    credentials_server_.reset();
    if (fleet_ != nullptr) fleet_->LeaveToSuccessor();
    drain_->OnSucceeded();
  }

  void RequestStop() {
    loop_->Post([this] { drain_->StopAtOnce(); });
  }

  std::uint16_t metrics_port() const { return http_server_ == nullptr ? 0 : http_server_->port(); }
  std::uint16_t credentials_port() const {
    return credentials_server_ == nullptr ? 0 : credentials_server_->port();
  }

 private:
  void WatchSignals() {
    std::signal(SIGPIPE, SIG_IGN);
    loop_->OnSignal(SIGTERM, [this] { drain_->OnTerminate(); });
    loop_->OnSignal(SIGINT, [this] { drain_->StopAtOnce(); });
    loop_->OnSignal(SIGHUP, [this] { ReloadSoon(); });
  }

  // However many signals have come, one reload after the last of them is enough.
  void ReloadSoon() {
    if (is_reload_due_) return;
    is_reload_due_ = true;
    loop_->Post([this] {
      is_reload_due_ = false;
      if (!has_successor_) static_cast<void>(Reload());
    });
  }

  Reloader::Report Reload() {
    Reloader::Report report = reloader_.Reload();
    process_counters_.CountReload(report.is_success);
    if (report.is_success) relay_.RefreshCertificates();
    return report;
  }

  base::Result<void> Reconfigure(const Config& config) {
    // Whatever can fail comes first.
    const JwksRefresher::Settings tokens = MakeBearerSettings(config);
    std::unique_ptr<HttpClient> client;
    if (bearer_ != nullptr) {
      auto made = bearer_->MakeClient(tokens);
      if (!made.ok()) return made.error();
      client = std::move(made).value();
    }
    if (auto done = relay_.Reconfigure(config); !done.ok()) return done;
    if (bearer_ != nullptr) bearer_->Configure(tokens, std::move(client));
    drain_->SetDeadline(config.drain.deadline);
    if (credentials_ != nullptr) credentials_->SetSettings(MakeCredentialSettings(config));
    if (fleet_ != nullptr) fleet_->Announce();
    SetLogFormat(LogFormatOf(config.log));
    SetLogLevel(LogLevelOf(config.log));
    return {};
  }

  void AddCommands() {
    commands_.Add("status", [this](std::string_view arguments) {
      if (arguments.empty()) return reporter_.RenderText(ReadStatus());
      if (arguments == "json") return reporter_.RenderJson(ReadStatus());
      return AdminError("status takes nothing, or \"json\"");
    });
    commands_.AddLater("sessions", [this](std::string_view arguments, const LineReply& reply) {
      sessions_->List(arguments, reply);
    });
    commands_.AddLater("disconnect", [this](std::string_view arguments, const LineReply& reply) {
      sessions_->Disconnect(arguments, reply);
    });
    commands_.AddLater("drain", [this](std::string_view arguments, const LineReply& reply) {
      drain_->Answer(arguments, reply);
    });
    commands_.Add("reload", [this](std::string_view arguments) {
      return arguments.empty() ? AnswerReload(Reload()) : AdminError("reload takes nothing");
    });
  }

  void RefreshCertificates() {
    relay_.RefreshCertificates();
    certificate_timer_->Start(options_.certificate_poll);
  }

  HttpResponse Serve(const HttpRequest& request) {
    const auto begin = Now();
    HttpResponse response = Route(request);
    process_counters_.ObserveHttpRequest(Now() - begin);
    return response;
  }

  // Counts the time until the reply.
  HttpReply Timed(HttpReply reply) {
    return [this, begin = Now(), reply = std::move(reply)](HttpResponse response) {
      process_counters_.ObserveHttpRequest(Now() - begin);
      reply(std::move(response));
    };
  }

  void AnswerCredentials(const HttpRequest& request, const HttpReply& reply) {
    if (credentials_->Knows(request.path())) return credentials_->Answer(request, reply);
    reply(request.path() == "/livez" ? AnswerEdge(request) : Problem(404));
  }

  HttpResponse Route(const HttpRequest& request) {
    const std::string_view path = request.path();
    if (path != "/livez" && path != "/readyz" && path != "/metrics")
      return TextResponse(404, "not found\n");
    if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
    if (path == "/livez") return AnswerLivez();
    if (path == "/readyz") return AnswerReadyz(UnreadyReasons(), Troubles());
    return AnswerMetrics(relay_, process_counters_, DescribeNode());
  }

  NodeState DescribeNode() const {
    NodeState node{options_.version, drain_->controller().is_draining(), UnreadyReasons().empty()};
    if (bearer_ != nullptr) {
      node.stale_issuers = bearer_->stale_issuers();
      node.token_keys_fetched = bearer_->keys_fetched();
    }
    if (fleet_ != nullptr) node.fleet = fleet_->fleet().status();
    return node;
  }

  HttpResponse RouteEdge(const HttpRequest& request) {
    if (const CheckPageSettings* settings = relay_.check_page()) {
      if (auto response = check_page_.Answer(request, *settings, base::ReadClocks()))
        return *std::move(response);
    }
    return AnswerEdge(request);
  }

  std::vector<std::string> UnreadyReasons() const {
    std::vector<std::string> reasons = relay_.unready_reasons();
    if (fleet_ != nullptr)
      std::ranges::move(fleet_->fleet().unready_reasons(), std::back_inserter(reasons));
    if (drain_->controller().is_draining()) reasons.emplace(reasons.begin(), kDraining);
    return reasons;
  }

  std::vector<std::string> Troubles() const {
    return fleet_ == nullptr ? std::vector<std::string>() : fleet_->fleet().troubles();
  }

  FleetNode WithItsState(FleetNode node) const {
    const RelaySnapshot snapshot = relay_.ReadSnapshot();
    node.allocations = static_cast<std::uint32_t>(snapshot.allocations_charged);
    node.free_ports = static_cast<std::uint32_t>(
        snapshot.ports_limit - std::min(snapshot.ports_in_use, snapshot.ports_limit));
    node.is_draining = drain_->controller().is_draining();
    node.is_ready = UnreadyReasons().empty();
    node.announced_at = base::ReadClocks().wall;
    return node;
  }

  StatusInput ReadStatus() const {
    return {.version = options_.version,
            .now = Now(),
            .drain_remaining = drain_->controller().remaining(Now()),
            .relay = relay_.ReadSnapshot(),
            .shards = relay_.counters()};
  }

  static base::MonotonicTime Now() { return base::ReadClocks().monotonic; }

  Options options_;
  RelayControl& relay_;
  ProcessCounters process_counters_;
  Reloader reloader_;
  bool is_reload_due_ = false;
  bool has_successor_ = false;
  InheritedSockets inherited_;
  base::Endpoint credentials_address_;
  StatusReporter reporter_;
  AdminRoutes commands_;
  base::OsRandom random_;
  CheckPage check_page_{random_};
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<FleetDuty> fleet_;  // nullptr: none
  std::unique_ptr<DrainDuty> drain_;
  std::unique_ptr<SessionRoutes> sessions_;
  std::unique_ptr<Timer> certificate_timer_;
  std::unique_ptr<HttpServer> http_server_;
  std::unique_ptr<LineServer> line_server_;
  std::unique_ptr<JwksRefresher> bearer_;
  std::unique_ptr<CredentialRoutes> credentials_;
  std::unique_ptr<HttpServer> credentials_server_;
};

ControlPlane::ControlPlane(Options options, RelayControl& relay)
    : impl_(std::make_unique<Impl>(std::move(options), relay)) {}
ControlPlane::~ControlPlane() = default;

base::Result<void> ControlPlane::Start() { return impl_->Start(); }
void ControlPlane::Inherit(const std::string& name, int socket) { impl_->Inherit(name, socket); }
std::vector<ServiceSocket> ControlPlane::service_sockets() const {
  return impl_->service_sockets();
}
void ControlPlane::OfferUpgrade(std::function<void(UpgradeDone)> start) {
  impl_->OfferUpgrade(std::move(start));
}
void ControlPlane::LeaveToSuccessor() { impl_->LeaveToSuccessor(); }
std::string ControlPlane::upgrade_obstacle() const { return impl_->upgrade_obstacle(); }
EventLoop& ControlPlane::loop() { return impl_->loop(); }
void ControlPlane::JoinFleet(Fleet& fleet, std::function<FleetNode()> describe) {
  impl_->JoinFleet(fleet, std::move(describe));
}
int ControlPlane::Run() { return impl_->Run(); }
void ControlPlane::AnswerEdgeRequest(HttpRequest request, HttpReply reply) {
  impl_->AnswerEdgeRequest(std::move(request), std::move(reply));
}
void ControlPlane::RequestStop() { impl_->RequestStop(); }
base::Result<void> ControlPlane::OfferCredentials(const Config& config, Fleet& fleet,
                                                  HttpServer::TlsSource tls) {
  return impl_->OfferCredentials(config, fleet, std::move(tls));
}
std::uint16_t ControlPlane::credentials_port() const { return impl_->credentials_port(); }
std::uint16_t ControlPlane::metrics_port() const { return impl_->metrics_port(); }

}  // namespace relay
