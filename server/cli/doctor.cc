#include <algorithm>
#include <iostream>
#include <utility>

#include "server/app/admin_socket.h"
#include "server/app/embedded_default.h"
#include "server/app/relay_addresses.h"
#include "server/cli/commands.h"
#include "server/config/load.h"
#include "server/doctor/diagnose.h"
#include "server/log/log.h"

namespace relay {
namespace {

// What is wrong with certificates is a finding like others; everything else in the configuration
// has to be right before anything can be said.
bool IsAboutCertificates(const Diagnostic& error) { return error.key.starts_with("tls."); }

int Print(const Findings& findings, const std::string& format) {
  std::cout << (format == "json" ? PrintFindingsJson(findings) : PrintFindingsText(findings))
            << std::flush;
  return HasProblem(findings) ? kExitFailed : kExitDone;
}

base::Result<EmbeddedDefault> Load(const ConfigSource& source) {
  if (!source.file) return BuildEmbeddedDefault(source.overrides, SelfSigned::kKeep);
  EmbeddedDefault found;
  found.loaded = LoadConfigFile(*source.file, source.overrides);
  if (found.loaded.ok()) found.left_out = LeaveOutUnavailableListeners(found.loaded.config);
  return found;
}

}  // namespace

int RunDoctor(const DoctorOptions& options) {
  InitLog(LogFormat::kText, LogLevel::kError);
  auto loaded = Load(options.source);
  if (!loaded.ok()) return Complain(kExitFailed, loaded.error().message);
  EmbeddedDefault found = std::move(loaded).value();
  if (!found.loaded.ok()) {
    if (!std::ranges::all_of(found.loaded.errors, IsAboutCertificates)) {
      for (const Diagnostic& error : found.loaded.errors) Complain(kExitUsage, error.ToString());
      return kExitUsage;
    }
    Findings findings;
    for (const Diagnostic& error : found.loaded.errors) {
      findings.push_back(Problem("certificates", error.ToString(),
                                 "correct it first: without it the server does not start, and "
                                 "nothing else has been looked at"));
    }
    return Print(findings, options.format);
  }
  DiagnosisOptions diagnosis;
  diagnosis.has_own_certificates = found.has_self_signed;
  diagnosis.config = std::move(found.loaded.config);
  const Config& config = diagnosis.config;
  diagnosis.admin_sockets = options.source.file ? std::vector<std::string>{config.admin.socket}
                                                : AdminSocketCandidates(config.admin.socket);
  diagnosis.stun = options.stun;
  if (IsRelay(config)) {
    auto addresses = ResolveRelayAddresses(config);
    if (!addresses.ok()) {
      return Print({Problem("address", addresses.error().message,
                            "correct it first: without it the server does not start, and nothing "
                            "else has been looked at")},
                   options.format);
    }
    diagnosis.relay_addresses = std::move(addresses).value();
  }
  Findings findings = Diagnose(diagnosis);
  for (const LeftOutListener& one : found.left_out) {
    findings.push_back(
        Fine("ports", ToString(one.listener) + " is left out: " + one.reason, one.remedy));
  }
  return Print(findings, options.format);
}

}  // namespace relay
