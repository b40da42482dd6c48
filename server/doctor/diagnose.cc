#include "server/doctor/diagnose.h"

#include <algorithm>
#include <utility>

#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "server/doctor/address_checks.h"
#include "server/doctor/certificate_checks.h"
#include "server/doctor/clock_checks.h"
#include "server/doctor/firewall_checks.h"
#include "server/doctor/host_checks.h"
#include "server/doctor/kernel_checks.h"
#include "server/doctor/listener_checks.h"
#include "server/doctor/round_trips.h"
#include "server/doctor/running_server.h"
#include "server/doctor/sandbox_checks.h"
#include "server/doctor/service_checks.h"
#include "server/doctor/trial_server.h"

namespace relay {
namespace {

constexpr const char* kProc = "/proc";

// One examination of one host.
class Examination {
 public:
  explicit Examination(const DiagnosisOptions& options)
      : options_(options),
        config_(options.config),
        server_(FindRunningServer(options.admin_sockets)),
        host_(ReadHostFacts(kProc, process())) {}

  Findings Run() {
    SayWhoRuns();
    LookAtPorts();
    LookAtCertificates();
    LookAtServices();
    Add(CheckSandbox(ReadSandboxFacts(kProc, process()), config_.process.is_sandboxed));
    if (IsRelay(config_)) {
      for (const turn::RelayAddress& address : options_.relay_addresses)
        Add(CheckAddress(ReadAddressFacts(address, options_.stun, random_)));
      LookAtHost();
      Relay();
    }
    return std::move(findings_);
  }

 private:
  std::optional<std::int32_t> process() const {
    return server_ ? std::optional(server_->process) : std::nullopt;
  }

  void Add(Finding finding) { findings_.push_back(std::move(finding)); }
  void Add(Findings findings) { std::ranges::move(findings, std::back_inserter(findings_)); }

  void SayWhoRuns() {
    if (server_) {
      Add(Fine("server", "a server answers at " + server_->socket + " (process " +
                             std::to_string(server_->process) + ")"));
    } else {
      Add(Fine("server", "no server answers at " + options_.admin_sockets.front() +
                             "; what it would do is tried"));
    }
  }

  void LookAtPorts() {
    if (IsRelay(config_)) {
      for (const Config::Listener& listener : config_.listeners) {
        const Finding finding = Look(listener);
        if (finding.severity == Severity::kFine) reachable_.push_back(listener);
        Add(finding);
      }
    }
    const auto look_at = [&](const base::IpAddress& address, std::uint16_t port,
                             const std::string& key) {
      if (port == 0) return;
      Finding finding = Look({Config::ListenerTransport::kTcp, address, port, std::nullopt});
      finding.what += " (" + key + ")";
      Add(std::move(finding));
    };
    look_at(config_.metrics.address, config_.metrics.port, "metrics");
    if (OffersCredentials(config_)) {
      look_at(config_.credentials.listener_address, config_.credentials.listener_port,
              "credentials.listener");
    }
  }

  Finding Look(const Config::Listener& listener) const {
    return CheckListener(ReadListenerFacts(listener, kProc), process());
  }

  void LookAtCertificates() {
    for (const Config::Certificate& pair : config_.tls.certificates) {
      const std::string node = options_.has_own_certificates ? "" : config_.node;
      const CertificateFacts facts = ReadCertificateFacts(pair, node);
      has_certificate_ |= facts.unusable.empty();
      has_unusable_certificate_ |= !facts.unusable.empty();
      Add(CheckCertificate(facts, node, options_.has_own_certificates, base::ReadClocks().wall));
    }
  }

  void LookAtServices() {
    const auto services = AskServices(config_);
    if (!services.ok()) {
      Add(Problem("issuer", services.error().message, "correct credentials.ca_file"));
    }
    ClockFacts clock;
    clock.is_synchronised = IsClockSynchronised();
    if (services.ok()) {
      for (const ServiceFacts& facts : services.value()) {
        Add(CheckService(facts));
        if (facts.clock_ahead) clock.readings.push_back({facts.name, *facts.clock_ahead});
      }
    }
    Add(CheckClock(clock));
  }

  void LookAtHost() {
    const auto chains = ReadNetfilter();
    Add(CheckOpenFiles(host_, MostRelays(config_, options_.relay_addresses.size())));
    Add(CheckEphemeralPorts(host_, config_));
    Add(CheckConntrack(host_, config_));
    Add(CheckSocketBuffers(host_));
    Add(CheckKernel(ReadKernelFacts(host_.capabilities), chains, config_.relay.datapath));
    std::vector<RelayPortFacts> ports;
    ports.reserve(options_.relay_addresses.size());
    for (const turn::RelayAddress& address : options_.relay_addresses)
      ports.push_back(TryRelayPort(address.internal, config_));
    Add(CheckFirewall(ports, chains, config_));
  }

  void Relay() {
    if (server_) {
      LeaveOutProxied();
      const auto credential = CredentialOf(config_);
      if (credential) return Probe(*credential);
      return Add(Warning("relaying", "there is no credential to relay with",
                         "doctor needs a shared secret, or a user with a password or an MD5 key"));
    }
    // Every certificate must be usable for a server to start with them.
    if (has_unusable_certificate_) {
      config_.tls.certificates.clear();
      has_certificate_ = false;
    }
    if (!has_certificate_) {
      std::erase_if(reachable_, [](const Config::Listener& listener) {
        return NeedsCertificate(listener.transport);
      });
    }
    if (reachable_.empty())
      return Add(Problem("relaying", "there is no listener to relay through",
                         "see what is wrong with the ports and certificates"));
    const auto trial = TrialServer::Start(config_, reachable_, options_.relay_addresses, random_);
    if (!trial.ok()) {
      return Add(Problem("relaying", "the server would not start: " + trial.error().message,
                         "see what else is found here"));
    }
    Probe(trial.value()->credential());
  }

  // A running server takes from such listeners only what a proxy sends.
  void LeaveOutProxied() {
    for (const Config::Listener& listener : reachable_) {
      if (!listener.trusted_proxies) continue;
      Add(Fine("relaying", ToString(listener) + " is reached through a proxy alone, and not tried",
               "try the way through the proxy from outside, with a client"));
    }
    std::erase_if(reachable_, [](const Config::Listener& listener) {
      return listener.trusted_proxies.has_value();
    });
  }

  void Probe(const ProbeCredential& credential) {
    for (const RoundTripFacts& facts :
         ProbeListeners(reachable_, config_.node, credential, random_))
      Add(CheckRoundTrip(facts));
  }

  const DiagnosisOptions& options_;
  Config config_;
  std::optional<RunningServer> server_;
  HostFacts host_;
  base::OsRandom random_;
  std::vector<Config::Listener> reachable_;
  bool has_certificate_ = false;
  bool has_unusable_certificate_ = false;
  Findings findings_;
};

}  // namespace

Findings Diagnose(const DiagnosisOptions& options) { return Examination(options).Run(); }

}  // namespace relay
