#include "server/metrics/metric_catalog.h"

#include "server/metrics/fleet_metrics.h"
#include "server/metrics/metric_rows.h"

namespace relay {
namespace {

// The rows of the relay: everything that a shard counts.
std::vector<MetricRow> RelayRows() {
  return {
      {.name = "allocations",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Live allocations; one that holds an IPv4 and an IPv6 relayed address counts in "
               "both families",
       .hint = "How busy the node is, and by which transports clients get through their firewalls.",
       .labels = {{"transport", kTransportLabels}, {"family", kFamilyLabels}},
       .source =
           ShardReader([](const ShardCounters& shard, std::size_t transport, std::size_t family) {
             return Number(shard.allocations[transport][family]);
           })},
      {.name = "allocations_created_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Allocations that were made, one for each relayed transport address",
       .hint = "Its rate is the rate of new relayed sessions; a jump without more users points at "
               "clients that restart.",
       .labels = {},
       .source = ShardReader([](const ShardCounters& shard, std::size_t, std::size_t) {
         return Number(shard.allocations_created);
       })},
      {.name = "allocations_closed_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Allocations that ended, one for each relayed transport address, by reason",
       .hint = "Many \"expired\" beside few \"deleted\": clients vanish instead of hanging up, "
               "often a network that drops "
               "refreshes.",
       .labels = {{"reason", kCloseReasonLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t reason, std::size_t) {
         return Number(shard.allocations_closed[reason]);
       })},
      {.name = "allocation_duration_seconds",
       .type = MetricType::kHistogram,
       .unit = "seconds",
       .help = "How long an allocation had lived when it ended",
       .hint = "The usual length of a relayed session, and so how long a drain takes; a heap under "
               "a few seconds means "
               "that sessions fail at their start.",
       .labels = {},
       .source = ShardHistogramReader([](const ShardCounters& shard, HistogramTotals& totals) {
         AddTo(totals, kAllocationDurationBounds, shard.allocation_duration);
       })},
      {.name = "requests_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "STUN and TURN requests, by method and outcome: success, or the STUN error code of "
               "the response",
       .hint = "One 401 for each new session is normal (the first request carries no credentials). "
               "486 and 508: limits "
               "are reached; 403: peers that the policy denies; 500: look into the log.",
       .labels = {{"method", kMethodLabels}, {"outcome", kOutcomeLabels}},
       .source =
           ShardReader([](const ShardCounters& shard, std::size_t method, std::size_t outcome) {
             return Number(shard.requests[method][outcome]);
           })},
      {.name = "auth_failures_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Requests that failed authentication, by reason",
       .hint = "\"missing\" is the ordinary first request and \"stale_nonce\" a long session; "
               "alert on \"wrong_integrity\" "
               "and \"unknown_user\": a wrong shared secret, or somebody who guesses.",
       .labels = {{"reason", kAuthFailureLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t reason, std::size_t) {
         return Number(shard.auth_failures[reason]);
       })},
      {.name = "relayed_packets_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Packets relayed, by direction and by the way they took",
       .hint = "The load of the node. Traffic in one direction only is a call in which one side is "
               "not heard.",
       .labels = {{"direction", kDirectionLabels}, {"path", kPathLabels}},
       .source =
           ShardReader([](const ShardCounters& shard, std::size_t direction, std::size_t path) {
             return Number(shard.relayed_packets[direction][path]);
           })},
      {.name = "relayed_bytes_total",
       .type = MetricType::kCounter,
       .unit = "bytes",
       .help = "Octets of application data relayed, without any header, by direction and by the "
               "way they took",
       .hint = "Bandwidth; compare with what the network link and the traffic budget allow.",
       .labels = {{"direction", kDirectionLabels}, {"path", kPathLabels}},
       .source =
           ShardReader([](const ShardCounters& shard, std::size_t direction, std::size_t path) {
             return Number(shard.relayed_bytes[direction][path]);
           })},
      {.name = "dropped_packets_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Packets that ended in silence, by reason",
       .hint = "\"send_failed\", \"buffer_full\", \"queue_full\" and \"queue_expired\" hurt users "
               "(\"buffer_full\": the send buffer of a socket, or the queue of the interface; the "
               "last two: a client on TCP or TLS reads more slowly than its peers send); "
               "\"no_permission\", "
               "\"malformed\" and \"rate_limited\" are the noise of the open Internet until they "
               "surge; \"over_limit\" counts what a socket lost while a flood to it was held "
               "down, too.",
       .labels = {{"reason", kDropReasonLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t reason, std::size_t) {
         return Number(shard.dropped_packets[reason]);
       })},
      {.name = "permissions",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Installed permissions",
       .hint =
           "A few for each allocation; many more means clients that try a great number of peers.",
       .labels = {},
       .source = ShardReader([](const ShardCounters& shard, std::size_t, std::size_t) {
         return Number(shard.permissions);
       })},
      {.name = "channels",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Bound channels",
       .hint = "Far fewer than allocations: clients relay by Send indications, which costs more "
               "than channels do.",
       .labels = {},
       .source = ShardReader([](const ShardCounters& shard, std::size_t, std::size_t) {
         return Number(shard.channels);
       })},
      {.name = "quota_rejections_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Requests refused because a limit was reached, by the limit's scope",
       .hint = "\"total\" and \"ports\": the node is full; \"user\": one user's limit, a leak in a "
               "client or abuse.",
       .labels = {{"scope", kQuotaScopeLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t scope, std::size_t) {
         return Number(shard.quota_rejections[scope]);
       })},
      {.name = "connections",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Open client connections and DTLS associations",
       .hint =
           "Many more than allocations of the same transport: connections that never authenticate.",
       .labels = {{"transport", kConnectionTransportLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t transport, std::size_t) {
         return Number(shard.connections[transport + 1]);
       })},
      {.name = "connections_accepted_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Client connections and DTLS associations that were accepted",
       .hint = "Its rate against that of new allocations shows port scans and health probes.",
       .labels = {{"transport", kConnectionTransportLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t transport, std::size_t) {
         return Number(shard.connections_accepted[transport + 1]);
       })},
      {.name = "connections_refused_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help =
           "Client connections and DTLS associations that were closed while they were of no use, "
           "by reason",
       .hint =
           "\"system_limit\": out of file descriptors or memory; \"source_limit\": one address "
           "holds too many; \"handshake_limit\": a flood of handshakes that nobody finishes, or "
           "a node that is too slow for them; \"proxy_header\": a proxy among those trusted "
           "does not send PROXY headers; \"memory\": connections without an allocation keep too "
           "much in all.",
       .labels = {{"reason", kConnectionRefusalLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t reason, std::size_t) {
         return Number(shard.connections_refused[reason]);
       })},
      {.name = "tls_handshakes_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "TLS and DTLS handshakes that ended, by outcome",
       .hint = "Failures that rise after a change of certificates: clients do not trust the chain.",
       .labels = {{"outcome", kHandshakeOutcomeLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t outcome, std::size_t) {
         return Number(shard.tls_handshakes[outcome]);
       })},
      {.name = "socket_receive_drops_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help =
           "Datagrams that the system dropped because a receive buffer of this process was full",
       .hint = "Anything that keeps rising: the node is too slow for its load, or "
               "net.core.rmem_max is too small.",
       .labels = {},
       .source = ShardReader([](const ShardCounters& shard, std::size_t, std::size_t) {
         return Number(shard.socket_receive_drops);
       })},
      {.name = "kernel_pass_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Packets of relayed sessions that the kernel datapath left to userspace, by reason",
       .hint = "A large share beside the packets of path \"kernel\": the fast path is on but does "
               "not carry the load.",
       .labels = {{"reason", kKernelPassLabels}},
       .source = ShardReader([](const ShardCounters& shard, std::size_t reason, std::size_t) {
         return Number(shard.kernel_pass[reason]);
       })},
  };
}

// The rows of the process: the control plane's counters and the state of the node.
std::vector<MetricRow> NodeRows() {
  return {
      {.name = "relay_ports_in_use",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Relay ports held by allocations and reservations, over all relay addresses",
       .hint =
           "Alert when it nears relay_ports_limit: beyond it every Allocate is refused with 508.",
       .labels = {},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         return Single(static_cast<double>(snapshot.relay_ports_in_use));
       })},
      {.name = "relay_ports_limit",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Relay ports that exist, over all relay addresses",
       .hint = "What relay_ports_in_use is to be divided by.",
       .labels = {},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         return Single(static_cast<double>(snapshot.relay_ports_limit));
       })},
      {.name = "draining",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "1 while the node takes no new allocations and waits for the present ones to end, "
               "else 0",
       .hint = "Expected during a rollout; alert when it stays 1 for longer than drain.deadline.",
       .labels = {},
       .source = SnapshotReader(
           [](const MetricsSnapshot& snapshot) { return Single(snapshot.is_draining ? 1 : 0); })},
      {.name = "ready",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "1 while /readyz says that this node should get new clients, else 0",
       .hint = "Alert when it stays 0 without a drain: /readyz tells why.",
       .labels = {},
       .source = SnapshotReader(
           [](const MetricsSnapshot& snapshot) { return Single(snapshot.is_ready ? 1 : 0); })},
      {.name = "build_info",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Always 1; the version that runs is its label",
       .hint = "Which nodes run which version during a rollout.",
       .labels = {{"version", {}}},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         return std::vector<Sample>{{{snapshot.version}, 1}};
       })},
      {.name = "kernel_datapath_wanted",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "1 where relay.datapath asks for the kernel, be it only where that is possible",
       .hint = "Alert where it is 1 and kernel_datapath_info is absent: the node fell back to "
               "userspace.",
       .labels = {},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         return Single(snapshot.is_kernel_datapath_wanted ? 1 : 0);
       })},
      {.name = "kernel_datapath_info",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "Always 1; the label says how the kernel datapath is attached. Absent where there "
               "is none",
       .hint = "Whether a node fell back to userspace.",
       .labels = {{"mode", {}}},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         std::vector<Sample> samples;
         if (snapshot.kernel_datapath_mode)
           samples.push_back({{*snapshot.kernel_datapath_mode}, 1});
         return samples;
       })},
      {.name = "certificate_not_after_timestamp_seconds",
       .type = MetricType::kGauge,
       .unit = "seconds",
       .help = "When a certificate in use expires, in seconds since the epoch. Absent where none "
               "is in use",
       .hint = "Alert two weeks before: an expired certificate cuts off every client behind a "
               "strict firewall.",
       .labels = {{"certificate", {}}},
       .source = SnapshotReader([](const MetricsSnapshot& snapshot) {
         std::vector<Sample> samples;
         samples.reserve(snapshot.certificates.size());
         for (const auto& certificate : snapshot.certificates) {
           samples.push_back({{certificate.name}, SecondsSinceEpoch(certificate.not_after)});
         }
         return samples;
       })},
      {.name = "config_reloads_total",
       .type = MetricType::kCounter,
       .unit = "",
       .help = "Attempts to load the configuration anew, by outcome",
       .hint = "After a failure the node goes on with its former configuration: alert, and read "
               "the log.",
       .labels = {{"outcome", kSuccessLabels}},
       .source = ProcessReader([](const ProcessCounters& process, std::size_t outcome) {
         return Number(process.config_reloads[outcome]);
       })},
      {.name = "config_last_reload_successful",
       .type = MetricType::kGauge,
       .unit = "",
       .help = "0 when the last attempt to load the configuration anew has failed, else 1",
       .hint = "Alert on 0: the node might not start again with the file as it is.",
       .labels = {},
       .source = ProcessReader([](const ProcessCounters& process, std::size_t) {
         return 1 - Number(process.last_reload_failed);
       })},
  };
}

MetricRow ProcessRow(std::string_view name, MetricType type, std::string_view unit,
                     std::string_view help, std::string_view hint, SnapshotReader reader) {
  return {.name = name,
          .type = type,
          .unit = unit,
          .help = help,
          .hint = hint,
          .labels = {},
          .source = reader,
          .has_prefix = false};
}

// The standard metrics that every Prometheus client library has, under their standard names.
std::vector<MetricRow> ProcessRows() {
  return {
      ProcessRow(
          "process_cpu_seconds_total", MetricType::kCounter, "seconds",
          "User and system CPU time spent",
          "Its rate is the number of cores in use; a shard that needs a whole core drops packets.",
          [](const MetricsSnapshot& snapshot) { return Single(snapshot.process.cpu_seconds); }),
      ProcessRow(
          "process_resident_memory_bytes", MetricType::kGauge, "bytes", "Resident memory",
          "Grows with allocations and falls with them; a slope at a steady load is a leak.",
          [](const MetricsSnapshot& snapshot) { return Single(snapshot.process.resident_bytes); }),
      ProcessRow(
          "process_virtual_memory_bytes", MetricType::kGauge, "bytes", "Virtual memory",
          "Of interest only where an address space limit is set.",
          [](const MetricsSnapshot& snapshot) { return Single(snapshot.process.virtual_bytes); }),
      ProcessRow("process_open_fds", MetricType::kGauge, "", "Open file descriptors",
                 "One for each relay port and each connection; alert near process_max_fds.",
                 [](const MetricsSnapshot& snapshot) { return Single(snapshot.process.open_fds); }),
      ProcessRow("process_max_fds", MetricType::kGauge, "",
                 "Most file descriptors that may be open",
                 "Should exceed limits.allocations (twice that if clients ask for both "
                 "families) by 256 and the connections expected.",
                 [](const MetricsSnapshot& snapshot) { return Single(snapshot.process.max_fds); }),
      ProcessRow("process_start_time_seconds", MetricType::kGauge, "seconds",
                 "When the process started, in seconds since the epoch", "A change is a restart.",
                 [](const MetricsSnapshot& snapshot) {
                   return Single(snapshot.process.start_time_seconds);
                 }),
  };
}

std::vector<MetricRow> BuildCatalog() {
  std::vector<MetricRow> rows = RelayRows();
  for (auto& row : NodeRows()) rows.push_back(std::move(row));
  for (auto& row : ServiceRows()) rows.push_back(std::move(row));
  for (auto& row : FleetRows()) rows.push_back(std::move(row));
  for (auto& row : ProcessRows()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace

std::span<const MetricRow> MetricCatalog() {
  static const std::vector<MetricRow> rows = BuildCatalog();
  return rows;
}

std::string FullName(const MetricRow& row) {
  return row.has_prefix ? "senso_turn_" + std::string(row.name) : std::string(row.name);
}

std::string_view ToString(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "";
}

}  // namespace relay
