// The options of coturn about redirection, metrics, logs and the process.

#include <utility>

#include "server/config/fields.h"
#include "server/migrate/options.h"
#include "server/migrate/values.h"

namespace relay {
namespace {

using enum Section;
using enum Fate;
using enum Takes;

void AddAlternateServer(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  constexpr std::uint16_t kDefaultPort = 3478;
  const auto server = ReadEndpoint(entry, kDefaultPort, findings);
  if (!server) return;
  for (const base::Endpoint& known : settings.alternate_servers) {
    if (known != *server) continue;
    findings.Note(kRedirect, entry, "is there already; all servers are chosen equally often");
    return;
  }
  settings.alternate_servers.push_back(*server);
}

void SetMetricsPort(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  settings.prometheus_port = ReadPort(entry, findings);
}

void SetMetricsAddress(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  settings.prometheus_address = ReadAddress(entry, findings);
}

void SetMetricsPath(const ConfEntry& entry, CoturnSettings&, Findings& findings) {
  if (WithoutComment(entry.value) != "/metrics")
    findings.Note(kMetrics, entry, "the path is always /metrics");
}

void SetLogLevel(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  const std::string_view level = WithoutComment(entry.value);
  for (const auto& [theirs, ours] :
       {std::pair{"debug", "debug"}, std::pair{"info", "info"}, std::pair{"warning", "warning"},
        std::pair{"warn", "warning"}, std::pair{"error", "error"}}) {
    if (level != theirs) continue;
    settings.log_level = ours;
    return;
  }
  findings.Fail(entry, fields::Quoted(level) + " is none of debug, info, warning and error");
}

constexpr std::string_view kTlsRedirect =
    "there is one list, redirect.servers, for clients of all transports, who come to a server "
    "there "
    "by the transport that they have: it needs a port that serves them all";
constexpr std::string_view kWhereLogsGo =
    "the log goes to standard error, for systemd's journal or the container's log to keep";
constexpr std::string_view kLogAlready = "One line an event, with a time, to standard error";
constexpr std::string_view kProcess =
    "users, the background and the process id are the business of systemd, or of the container";
constexpr std::string_view kCli =
    "there is no telnet: `senso-turn status`, `drain` and the like use a unix socket, "
    "admin.socket, "
    "and need no password";
constexpr std::string_view kWeb =
    "there is no web administration: `senso-turn status` and the metrics show what goes on, the "
    "configuration is a file";

constexpr CoturnOption kOptions[] = {
    {"alternate-server", kValue, kRedirect, kTaken, "redirect.servers", "with `when: always`",
     AddAlternateServer},
    {"udp-alternate-server", kValue, kRedirect, kTaken, "redirect.servers", "with `when: always`",
     AddAlternateServer},
    {"tcp-alternate-server", kValue, kRedirect, kTaken, "redirect.servers", "with `when: always`",
     AddAlternateServer},
    {"tls-alternate-server", kValue, kRedirect, kNone, "", kTlsRedirect},

    {"prometheus", kFlag, kMetrics, kTaken, "metrics",
     "always on, on loopback unless `metrics.address` says otherwise; other names",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) { settings.prometheus = true; }},
    {"prometheus-port", kValue, kMetrics, kTaken, "metrics.port", "", SetMetricsPort},
    {"prometheus-address", kValue, kMetrics, kTaken, "metrics.address", "", SetMetricsAddress},
    {"prometheus-path", kValue, kMetrics, kTaken, "", "always `/metrics`", SetMetricsPath},
    {"prometheus-username-labels", kFlag, kMetrics, kNone, "",
     "no metric has a label for users, who would be without number; the region's Redis has records "
     "of their usage (docs/fleet.md)"},
    {"redis-statsdb", kValue, kMetrics, kNone, "",
     "allocations are not published one by one; the metrics have totals while calls last, and the "
     "region's Redis has records of usage (docs/fleet.md)"},

    {"verbose", kFlag, kLog, kTaken, "log.level", "`debug`",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) {
       if (settings.log_level.empty()) settings.log_level = "debug";
     }},
    {"Verbose", kFlag, kLog, kTaken, "log.level", "`trace`",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) { settings.log_level = "trace"; }},
    {"log-min-level", kValue, kLog, kTaken, "log.level", "", SetLogLevel},
    {"log-file", kValue, kLog, kNone, "", kWhereLogsGo},
    {"no-stdout-log", kFlag, kLog, kAlready, "", kLogAlready},
    {"syslog", kFlag, kLog, kNone, "", kWhereLogsGo},
    {"syslog-facility", kValue, kLog, kNone, "", kWhereLogsGo},
    {"simple-log", kFlag, kLog, kAlready, "", kLogAlready},
    {"new-log-timestamp", kFlag, kLog, kAlready, "", kLogAlready},
    {"new-log-timestamp-format", kValue, kLog, kNone, "", "the format of times is ISO 8601"},
    {"log-binding", kFlag, kLog, kNone, "",
     "Binding requests are never logged; the metrics count them"},

    {"daemon", kFlag, kOperation, kNone, "", kProcess},
    {"pidfile", kValue, kOperation, kNone, "", kProcess},
    {"proc-user", kValue, kOperation, kNone, "", kProcess},
    {"proc-group", kValue, kOperation, kNone, "", kProcess},
    {"drain-min-allocations", kValue, kOperation, kNone, "",
     "a drain ends with the last allocation or at drain.deadline; SIGTERM begins one"},
    {"no-cli", kFlag, kOperation, kAlready, "", "There is no telnet"},
    {"cli", kFlag, kOperation, kNone, "", kCli},
    {"cli-ip", kValue, kOperation, kNone, "", kCli},
    {"cli-port", kValue, kOperation, kNone, "", kCli},
    {"cli-password", kValue, kOperation, kNone, "", kCli},
    {"cli-max-output-sessions", kValueOrNothing, kOperation, kNone, "", kCli},
    {"web-admin", kFlag, kOperation, kNone, "", kWeb},
    {"web-admin-ip", kValue, kOperation, kNone, "", kWeb},
    {"web-admin-port", kValue, kOperation, kNone, "", kWeb},
    {"web-admin-listen-on-workers", kFlag, kOperation, kNone, "", kWeb},
    {"version", kFlag, kOperation, kNone, "", "a command: `senso-turn version`"},
    {"help", kFlag, kOperation, kNone, "", "a command: `senso-turn --help`"},
};

}  // namespace

std::span<const CoturnOption> ServiceOptions() { return kOptions; }

}  // namespace relay
