#include "server/app/startup_summary.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "server/app/ephemeral_ports.h"
#include "server/app/ice_servers.h"
#include "server/log/log_text.h"

namespace relay {
namespace {

// One line of the summary: a title of fixed width, then the text.
void AppendLine(std::string_view title, const std::string& text, std::string& summary) {
  constexpr std::size_t kWidth = 12;
  std::string line = "  ";
  line += title;
  if (line.size() < kWidth + 2) line.resize(kWidth + 2, ' ');
  summary += line + text + "\n";
}

void AppendListeners(const StartupFacts& facts, std::string& summary) {
  std::string_view title = "listening";
  for (const Config::Listener& listener : facts.opened) {
    AppendLine(title, ToString(listener), summary);
    title = "";
  }
  if (facts.opened.empty()) AppendLine(title, "nowhere", summary);
  for (const base::Endpoint& socket : facts.further_sockets)
    AppendLine("", "udp " + socket.ToString() + " (NAT discovery only)", summary);

  // Those with one fate share a line.
  std::map<std::pair<std::string, std::string>, std::string> groups;
  for (const LeftOutListener& left_out : facts.left_out) {
    std::string& names = groups[{left_out.reason, left_out.remedy}];
    names += (names.empty() ? "" : ", ") + ToString(left_out.listener);
  }
  title = "left out";
  for (const auto& [why, names] : groups) {
    AppendLine(title, names, summary);
    AppendLine("", "  " + why.first + (why.second.empty() ? "" : "; " + why.second), summary);
    title = "";
  }
}

void AppendCertificates(const StartupFacts& facts, std::string& summary) {
  std::string_view title = "certificate";
  for (const Certificate& certificate : facts.certificates) {
    std::string names;
    for (const std::string& name : certificate.names()) {
      if (!names.empty()) names += ", ";
      AppendLogText(names, name);
    }
    AppendLine(title,
               certificate.path() + " (" + certificate.key_type() + ") until " +
                   TimeText(certificate.not_after()),
               summary);
    AppendLine("", "  for " + names, summary);
    title = "";
  }
  if (!facts.has_self_signed) return;
  AppendLine("", "made for this server: clients have to be told to trust it, browsers refuse it;",
             summary);
  AppendLine("",
             "a real one: --set 'tls.certificates=[{certificate: CHAIN.pem, private_key: "
             "KEY.pem}]'",
             summary);
}

// As many sockets as there can be relays; none of them serves two.
std::uint64_t MostRelays(const Config& config, const StartupFacts& facts) {
  const std::uint64_t ports = std::uint64_t{config.relay.max_port} - config.relay.min_port + 1;
  const std::uint64_t sockets = ports * facts.relay_addresses.size();
  return config.limits.allocations == 0
             ? sockets
             : std::min<std::uint64_t>(sockets, config.limits.allocations);
}

void AppendDescriptors(const Config& config, const StartupFacts& facts, std::string& summary) {
  const std::uint64_t most = MostRelays(config, facts);
  if (most <= facts.relay_descriptors) return;
  AppendLine("warning",
             "the limit of open files allows about " + std::to_string(facts.relay_descriptors) +
                 " relays of " + std::to_string(most) + "; raise it (ulimit -n, LimitNOFILE=)",
             summary);
}

void AppendRelay(const Config& config, const StartupFacts& facts, std::string& summary) {
  std::string_view title = "relay";
  for (const turn::RelayAddress& address : facts.relay_addresses) {
    std::string text = address.internal.ToString();
    if (address.external != address.internal) text += ", outside " + address.external.ToString();
    AppendLine(title, text, summary);
    title = "";
  }
  const PortRange ports{config.relay.min_port, config.relay.max_port};
  AppendLine("ports", std::to_string(ports.min) + "-" + std::to_string(ports.max), summary);
  if (const auto overlap = ReadUnreservedOverlap(ports)) {
    const std::string range = std::to_string(overlap->min) + "-" + std::to_string(overlap->max);
    AppendLine("warning",
               "the system may give the ports " + range + " to other programs too; reserve them:",
               summary);
    AppendLine("",
               "  sysctl -w net.ipv4.ip_local_reserved_ports=" + std::to_string(ports.min) + "-" +
                   std::to_string(ports.max),
               summary);
  }
}

void AppendCredentials(const Config& config, const StartupFacts& facts, base::WallTime now,
                       std::string& summary) {
  // With a configuration the output tends to end up in a log, where credentials do not belong.
  if (facts.secret_path.empty()) {
    if (!config.auth.shared_secrets.empty()) {
      summary +=
          "`senso-turn credentials --config FILE` prints an iceServers JSON to try it with.\n";
    }
    return;
  }
  const IceUrls urls =
      MakeIceUrls(facts.opened, config.node, facts.relay_addresses,
                  facts.has_self_signed ? std::vector<Certificate>() : facts.certificates);
  const auto json = MakeIceServersJson(config, urls, "startup", std::chrono::hours(24), now);
  if (!json.ok()) {
    summary += "No credentials to try it with: " + json.error().message + ".\n";
    return;
  }
  summary += "To try it, valid for a day (more with `senso-turn credentials`):\n";
  summary += json.value() + "\n";
}

}  // namespace

std::string StartupSummary(const Config& config, const StartupFacts& facts, base::WallTime now) {
  std::string summary = "senso-turn " SENSO_TURN_VERSION " is ready.\n";
  const bool is_relay = facts.shards > 0;
  if (is_relay) {
    AppendListeners(facts, summary);
    AppendCertificates(facts, summary);
    AppendRelay(config, facts, summary);
    AppendDescriptors(config, facts, summary);
    AppendLine("realm", config.realm, summary);
    AppendLine("shards", std::to_string(facts.shards), summary);
    AppendLine("datapath", facts.datapath, summary);
  }
  if (!facts.secret_path.empty()) {
    AppendLine("secret",
               "in " + facts.secret_path + ", made for this server; nobody gets in without it",
               summary);
  }
  if (!facts.admin_socket.empty()) AppendLine("admin", facts.admin_socket, summary);
  if (!facts.metrics_url.empty()) AppendLine("metrics", facts.metrics_url, summary);
  if (!facts.credentials_url.empty()) AppendLine("credentials", facts.credentials_url, summary);
  if (is_relay) AppendCredentials(config, facts, now, summary);
  return summary;
}

}  // namespace relay
