#include "server/control/status_report.h"

#include "server/control/json_object.h"
#include "server/control/quantity_text.h"
#include "server/log/log_text.h"

namespace relay {
namespace {

using std::chrono::seconds;

std::int64_t WholeSeconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<seconds>(duration).count();
}

std::string Line(std::string_view title, std::string_view content) {
  std::string out(title);
  out.append(out.size() < 14 ? 14 - out.size() : 1, ' ');
  return out + std::string(content) + "\n";
}

// "udp 3, tcp 1" of those that are not zero, or "none".
template <typename Values, typename Labels>
std::string NonZero(const Values& values, const Labels& labels) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) continue;
    out += (out.empty() ? "" : ", ") + std::string(labels[i]) + " " + std::to_string(values[i]);
  }
  return out.empty() ? "none" : out;
}

std::string AllocationsText(const StatusTotals& totals) {
  std::string out = std::to_string(totals.AllAllocations());
  std::string parts;
  for (std::size_t transport = 0; transport < kTransportLabels.size(); ++transport) {
    for (std::size_t family = 0; family < kFamilyLabels.size(); ++family) {
      const std::int64_t count = totals.allocations[transport][family];
      if (count == 0) continue;
      parts += (parts.empty() ? "" : ", ") + std::string(kTransportLabels[transport]) + "/" +
               std::string(kFamilyLabels[family]) + " " + std::to_string(count);
    }
  }
  return parts.empty() ? out : out + " (" + parts + ")";
}

// "/etc/senso-turn/tls.crt until 2026-11-20T18:00:00Z (turn.example.org)".
std::string CertificateText(const RelaySnapshot::Certificate& certificate) {
  std::string subjects;
  for (const std::string& subject : certificate.subjects) {
    if (!subjects.empty()) subjects += ", ";
    AppendLogText(subjects, subject);
  }
  return certificate.name + " until " + TimeText(certificate.not_after) + " (" + subjects + ")";
}

struct Flow {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

Flow FlowOf(const StatusTotals& totals, std::size_t direction) {
  Flow flow;
  for (const std::uint64_t packets : totals.packets[direction]) flow.packets += packets;
  for (const std::uint64_t bytes : totals.bytes[direction]) flow.bytes += bytes;
  return flow;
}

std::string FlowText(const Flow& flow, const std::optional<Flow>& before,
                     std::chrono::nanoseconds interval) {
  std::string out = std::to_string(flow.packets) + " packets, " +
                    ScaledText(static_cast<double>(flow.bytes)) + "B";
  const double elapsed = std::chrono::duration<double>(interval).count();
  if (!before || elapsed <= 0) return out;
  const double packets = static_cast<double>(flow.packets - before->packets) / elapsed;
  const double bits = static_cast<double>(flow.bytes - before->bytes) * 8 / elapsed;
  return out + "; " + ScaledText(packets) + " packets/s, " + ScaledText(bits) +
         "bit/s since the last status";
}

template <typename Values, typename Labels>
std::string ObjectOf(const Values& values, const Labels& labels) {
  JsonObject object;
  for (std::size_t i = 0; i < values.size(); ++i) object.Add(labels[i], values[i]);
  return object.Finish();
}

template <typename Table, typename Outer, typename Inner>
std::string TableOf(const Table& table, const Outer& outer, const Inner& inner) {
  JsonObject object;
  for (std::size_t i = 0; i < table.size(); ++i) object.Add(outer[i], ObjectOf(table[i], inner));
  return object.Finish();
}

std::string ListenersJson(const RelaySnapshot& relay) {
  std::string out = "[";
  for (const auto& listener : relay.listeners) {
    if (out.size() > 1) out += ',';
    out += JsonObject()
               .Add("listener", Quoted(listener.description))
               .Add("state", Quoted(listener.state))
               .Finish();
  }
  return out + "]";
}

std::string TextsJson(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    out += Quoted(text);
  }
  return out + "]";
}

std::string CertificatesJson(const RelaySnapshot& relay) {
  std::string out = "[";
  for (const auto& certificate : relay.certificates) {
    if (out.size() > 1) out += ',';
    out += JsonObject()
               .Add("certificate", Quoted(certificate.name))
               .Add("subjects", TextsJson(certificate.subjects))
               .Add("not_after", Quoted(TimeText(certificate.not_after)))
               .Finish();
  }
  return out + "]";
}

}  // namespace

StatusTotals::StatusTotals(const std::vector<const ShardCounters*>& shards) {
  const auto add = [](auto& totals, const auto& cells) {
    for (std::size_t i = 0; i < totals.size(); ++i) totals[i] += cells[i].Read();
  };
  for (const ShardCounters* shard : shards) {
    for (std::size_t i = 0; i < allocations.size(); ++i) add(allocations[i], shard->allocations[i]);
    for (const auto& method : shard->requests) add(requests, method);
    for (std::size_t i = 0; i < packets.size(); ++i) add(packets[i], shard->relayed_packets[i]);
    for (std::size_t i = 0; i < bytes.size(); ++i) add(bytes[i], shard->relayed_bytes[i]);
    add(connections, shard->connections);
    add(drops, shard->dropped_packets);
    permissions += shard->permissions.Read();
    channels += shard->channels.Read();
    receive_drops += shard->socket_receive_drops.Read();
  }
}

std::int64_t StatusTotals::AllAllocations() const {
  std::int64_t sum = 0;
  for (const auto& families : allocations) {
    for (const std::int64_t count : families) sum += count;
  }
  return sum;
}

std::string StatusReporter::RenderText(const StatusInput& input) {
  const StatusTotals totals(input.shards);
  const RelaySnapshot& relay = input.relay;

  std::string out = Line(
      "senso-turn", input.version + ", up " + DurationText(input.now - relay.started) + ", " +
                        std::to_string(relay.shards) + (relay.shards == 1 ? " shard" : " shards"));
  out += Line("state", input.drain_remaining ? "draining, " + DurationText(*input.drain_remaining) +
                                                   " until the deadline"
                                             : "serving");
  for (std::size_t i = 0; i < relay.listeners.size(); ++i) {
    out += Line(i == 0 ? "listeners" : "",
                relay.listeners[i].description + "  " + relay.listeners[i].state);
  }
  for (std::size_t i = 0; i < relay.certificates.size(); ++i) {
    out += Line(i == 0 ? "certificates" : "", CertificateText(relay.certificates[i]));
  }
  for (std::size_t i = 0; i < relay.relay_addresses.size(); ++i) {
    out += Line(i == 0 ? "relay" : "", relay.relay_addresses[i] + " ports " +
                                           std::to_string(relay.min_relay_port) + "-" +
                                           std::to_string(relay.max_relay_port));
  }
  out += Line("allocations", AllocationsText(totals));
  out += Line("users", std::to_string(relay.subjects));
  out += Line("permissions", std::to_string(totals.permissions));
  out += Line("channels", std::to_string(totals.channels));
  out += Line("connections", NonZero(totals.connections, kTransportLabels));
  out += Line("ports", std::to_string(relay.ports_in_use) + " of " +
                           std::to_string(relay.ports_limit) + " in use, " +
                           std::to_string(relay.reservations) + " reservations");
  out += Line("requests", NonZero(totals.requests, kOutcomeLabels));
  for (const auto& [direction, title] : {std::pair{Direction::kClientToPeer, "to peers"},
                                         std::pair{Direction::kPeerToClient, "to clients"}}) {
    std::optional<Flow> before;
    if (previous_) before = FlowOf(previous_->totals, LabelIndex(direction));
    const auto interval =
        previous_ ? input.now - previous_->time : std::chrono::nanoseconds::zero();
    out += Line(title, FlowText(FlowOf(totals, LabelIndex(direction)), before, interval));
  }
  out += Line("dropped", NonZero(totals.drops, kDropReasonLabels));
  if (totals.receive_drops > 0)
    out += Line("", std::to_string(totals.receive_drops) + " by full receive buffers");
  previous_ = Previous{input.now, totals};
  return out;
}

std::string StatusReporter::RenderJson(const StatusInput& input) const {
  const StatusTotals totals(input.shards);
  const RelaySnapshot& relay = input.relay;
  JsonObject object;
  object.Add("version", Quoted(input.version))
      .Add("uptime_seconds", WholeSeconds(input.now - relay.started))
      .Add("draining",
           input.drain_remaining ? std::string_view("true") : std::string_view("false"));
  if (input.drain_remaining)
    object.Add("drain_remaining_seconds", WholeSeconds(*input.drain_remaining));
  object.Add("shards", relay.shards)
      .Add("listeners", ListenersJson(relay))
      .Add("certificates", CertificatesJson(relay))
      .Add("relay_addresses", TextsJson(relay.relay_addresses))
      .Add("min_relay_port", relay.min_relay_port)
      .Add("max_relay_port", relay.max_relay_port)
      .Add("relay_ports_in_use", relay.ports_in_use)
      .Add("relay_ports_limit", relay.ports_limit)
      .Add("reservations", relay.reservations)
      .Add("allocations_charged", relay.allocations_charged)
      .Add("users", relay.subjects)
      .Add("allocations", TableOf(totals.allocations, kTransportLabels, kFamilyLabels))
      .Add("permissions", totals.permissions)
      .Add("channels", totals.channels)
      .Add("connections", ObjectOf(totals.connections, kTransportLabels))
      .Add("requests", ObjectOf(totals.requests, kOutcomeLabels))
      .Add("relayed_packets", TableOf(totals.packets, kDirectionLabels, kPathLabels))
      .Add("relayed_bytes", TableOf(totals.bytes, kDirectionLabels, kPathLabels))
      .Add("dropped_packets", ObjectOf(totals.drops, kDropReasonLabels))
      .Add("socket_receive_drops", totals.receive_drops);
  return object.Finish() + "\n";
}

}  // namespace relay
