#include "server/app/serve.h"

#include <malloc.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "protocol/base/time.h"
#include "server/app/admin_socket.h"
#include "server/app/embedded_default.h"
#include "server/app/fleet_setup.h"
#include "server/app/process_sandbox.h"
#include "server/app/relay_addresses.h"
#include "server/app/relay_server.h"
#include "server/app/service_manager.h"
#include "server/app/service_only.h"
#include "server/app/startup_summary.h"
#include "server/app/upgrade_setup.h"
#include "server/config/load.h"
#include "server/control/control_plane.h"
#include "server/control/log_settings.h"
#include "server/log/log.h"
#include "server/log/stderr_writer.h"
#include "server/net/descriptor_reserve.h"

namespace relay {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitConfiguration = 2;

int Fail(int code, const std::string& message) {
  std::cerr << "senso-turn: " << message << '\n';
  return code;
}

// One descriptor per allocation: ask for all that the system grants.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// What is large goes back to the system when it is freed. Left to itself, glibc takes blocks as
// large as any that was freed out of its arenas from then on: tables that are made anew, as those
// of thousands of allocations are now and then, leave holes that small objects settle in.
void KeepLargeBlocksApart() {
  constexpr int kLargeBytes = 128 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, kLargeBytes);
}

// What was loaded, and what of the default listeners is missing.
struct Settings {
  LoadedConfig loaded;
  std::optional<Reloader::Source> configuration;  // nullopt: there is no file
  std::vector<LeftOutListener> left_out;
  std::string secret_path;
  bool has_self_signed = false;
};

base::Result<Settings> Load(const ServeOptions& options) {
  if (!options.config_file) {
    auto embedded = BuildEmbeddedDefault(options.overrides, SelfSigned::kKeep);
    if (!embedded.ok()) return embedded.error();
    EmbeddedDefault value = std::move(embedded).value();
    return Settings{std::move(value.loaded), std::nullopt, std::move(value.left_out),
                    std::move(value.secret_path), value.has_self_signed};
  }
  Settings settings;
  settings.loaded = LoadConfigFile(*options.config_file, options.overrides);
  if (!settings.loaded.ok()) return settings;
  // A reload is compared with what was written, not with what was possible.
  settings.configuration = {*options.config_file, options.overrides, settings.loaded.config};
  settings.left_out = LeaveOutUnavailableListeners(settings.loaded.config);
  return settings;
}

// What to do about a listener that could not be opened.
std::string RemedyFor(const std::string& error) {
  if (error.find(std::strerror(EACCES)) == error.npos) {
    return "free the port, or name other listeners";
  }
  std::error_code ignored;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  return "run as root, or `setcap cap_net_bind_service=+ep " +
         (program.empty() ? "senso-turn" : program) + "`, or name other listeners";
}

// What this process is, by its roles: a relay, or only the credential service.
struct Process {
  // `taker`: from whom it takes over; nullptr: from nobody.
  static base::Result<Process> Open(const Config& config,
                                    const std::vector<turn::RelayAddress>& relay_addresses,
                                    UpgradeTaker* taker) {
    Process process;
    if (IsRelay(config)) {
      std::optional<Inheritance> inheritance;
      std::vector<KernelLink> links;
      if (taker != nullptr) inheritance = taker->TakeInheritance();
      if (taker != nullptr) links = TakeKernelLinks(*taker);
      auto relay =
          RelayServer::Open(config, relay_addresses, std::move(inheritance), std::move(links));
      if (!relay.ok()) return relay.error();
      process.relay = std::move(relay).value();
    } else {
      auto service = ServiceOnly::Open(config);
      if (!service.ok()) return service.error();
      process.service = std::move(service).value();
    }
    return process;
  }

  RelayControl& control() const {
    if (relay != nullptr) return *relay;
    return *service;
  }
  std::shared_ptr<const TlsContext> tls() const {
    return relay != nullptr ? relay->tls() : service->tls();
  }

  std::unique_ptr<RelayServer> relay;
  std::unique_ptr<ServiceOnly> service;  // without a relay
};

// `relay` is nullptr where there is none.
StartupFacts MakeFacts(const Settings& settings, const RelayServer* relay,
                       std::vector<turn::RelayAddress> relay_addresses) {
  StartupFacts facts;
  facts.has_self_signed = settings.has_self_signed;
  facts.secret_path = settings.secret_path;
  if (relay == nullptr) {
    facts.shards = 0;
    return facts;
  }
  facts.left_out = settings.left_out;
  const auto& states = relay->shards().listeners();  // in the order of the configuration
  for (std::size_t i = 0; i < states.size(); ++i) {
    Config::Listener listener = settings.loaded.config.listeners[i];
    listener.port = states[i].bound.port;
    if (states[i].error.empty()) {
      facts.opened.push_back(std::move(listener));
    } else {
      facts.left_out.push_back({std::move(listener), states[i].error, RemedyFor(states[i].error)});
    }
  }
  const auto further_sockets = relay->shards().further_sockets();
  facts.further_sockets.assign(further_sockets.begin(), further_sockets.end());
  facts.certificates = relay->certificates();
  facts.relay_addresses = std::move(relay_addresses);
  facts.shards = relay->shards().shard_count();
  facts.datapath = relay->datapath_description();
  facts.relay_descriptors = DescriptorsForRelays();
  return facts;
}

}  // namespace

int Serve(const ServeOptions& options) {
  SecureStandardDescriptors();  // before the first socket, which is the launcher's
  std::unique_ptr<Launcher> launcher = ForkLauncher();
  auto loaded = Load(options);
  if (!loaded.ok()) return Fail(kExitFailed, loaded.error().message);
  Settings settings = std::move(loaded).value();
  for (const Diagnostic& warning : settings.loaded.warnings) {
    std::cerr << "senso-turn: warning: " << warning.ToString() << '\n';
  }
  for (const Diagnostic& error : settings.loaded.errors) {
    std::cerr << "senso-turn: " << error.ToString() << '\n';
  }
  if (!settings.loaded.ok()) return kExitConfiguration;
  const Config& config = settings.loaded.config;

  InitLog(LogFormatOf(config.log), LogLevelOf(config.log));
  KeepLargeBlocksApart();
  RaiseDescriptorLimit();
  std::unique_ptr<UpgradeTaker> taker;
  if (options.take_over) {
    if (!IsRelay(config))
      return Fail(kExitConfiguration, "there is nothing to take over without the role \"relay\"");
    auto met = UpgradeTaker::Meet(*options.take_over);
    if (!met.ok()) return Fail(kExitFailed, "cannot take over: " + met.error().message);
    taker = std::move(met).value();
  }
  const auto fail = [&taker](int code, const std::string& message) {
    if (taker != nullptr) taker->Refuse(message);
    return Fail(code, message);
  };
  base::Result<std::vector<turn::RelayAddress>> addresses = std::vector<turn::RelayAddress>();
  if (IsRelay(config)) addresses = ResolveRelayAddresses(config);
  if (!addresses.ok()) return fail(kExitConfiguration, addresses.error().message);
  auto opened = Process::Open(config, addresses.value(), taker.get());
  if (!opened.ok()) return fail(kExitFailed, opened.error().message);
  const Process process = std::move(opened).value();
  RelayServer* const relay = process.relay.get();

  ControlPlane::Options control_options;
  control_options.version = SENSO_TURN_VERSION;
  control_options.metrics_address = base::Endpoint{config.metrics.address, config.metrics.port};
  control_options.drain_deadline = config.drain.deadline;
  control_options.admin_socket =
      options.config_file ? config.admin.socket : ChooseAdminSocket(config.admin.socket);
  control_options.configuration = std::move(settings.configuration);
  ControlPlane control(control_options, process.control());
  if (taker != nullptr) InheritServices(*taker, control_options, config, control);
  if (const auto started = control.Start(); !started.ok())
    return fail(kExitFailed, started.error().message);

  const std::unique_ptr<Fleet> fleet = MakeFleet(config, relay, control.loop());
  std::function<FleetNode()> describe;
  if (relay != nullptr) {
    // Nobody trusts certificates that were made here.
    const auto tls_urls =
        settings.has_self_signed ? RelayServer::TlsUrls::kOmit : RelayServer::TlsUrls::kName;
    describe = [relay, tls_urls] { return relay->Describe(tls_urls); };
  }
  control.JoinFleet(*fleet, std::move(describe));
  if (OffersCredentials(config)) {
    HttpServer::TlsSource tls;
    if (config.credentials.listener_tls) tls = [&process] { return process.tls(); };
    const auto offered = control.OfferCredentials(config, *fleet, std::move(tls));
    if (!offered.ok()) return fail(kExitFailed, offered.error().message);
  }
  StartupFacts facts = MakeFacts(settings, relay, std::move(addresses).value());
  facts.admin_socket = control_options.admin_socket;
  facts.metrics_url = "http://" +
                      base::Endpoint{config.metrics.address, control.metrics_port()}.ToString() +
                      "/metrics";
  if (control.credentials_port() != 0) {
    facts.credentials_url =
        (config.credentials.listener_tls ? "https://" : "http://") +
        base::Endpoint{config.credentials.listener_address, control.credentials_port()}.ToString() +
        "/v1/ice-servers";
  }
  std::unique_ptr<UpgradeGiver> giver;
  if (relay != nullptr) giver = OpenGiver(control_options.admin_socket, taker.get());
  const std::string summary = StartupSummary(config, facts, base::ReadClocks().wall);
  GiveUpRights(config, {.configuration_file = options.config_file.value_or(""),
                        .files = settings.loaded.files,
                        .admin_socket = control_options.admin_socket,
                        .has_kernel_datapath = relay != nullptr && relay->has_kernel_datapath()});
  std::unique_ptr<UpgradeTaker> former;  // of whom something may be left
  if (relay != nullptr) {
    relay->SetHttpHandler([&control](HttpRequest request, HttpReply reply) {
      control.AnswerEdgeRequest(std::move(request), std::move(reply));
    });
    if (taker != nullptr) {
      const auto taken = taker->TakeOver(relay->shards());
      if (!taken.ok()) return fail(kExitFailed, "cannot take over: " + taken.error().message);
      fleet->ReadSaved();
      relay->Start();
      relay->SetFormerTotals(taker->HearLast(relay->shards()));
      former = std::move(taker);
      former->StartExchange(relay->shards());
    } else {
      relay->Start();
    }
    if (giver != nullptr)
      StartGiver(*giver, control_options.admin_socket, std::move(launcher), *relay, control);
  }
  std::cout << summary << std::flush;
  NotifyServiceManager("READY=1");
  return control.Run();
}

}  // namespace relay
