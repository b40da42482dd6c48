// What clients need to be let in, what they get, and the server's own affairs.

#include <algorithm>
#include <map>

#include "server/config/load.h"
#include "server/config/units.h"
#include "server/migrate/compose.h"
#include "server/migrate/yaml_text.h"

namespace relay {
namespace {

constexpr std::uint64_t kDaySeconds = 86400;

std::string Map(const std::string& name, const std::string& body) {
  return body.empty() ? body : name + ":\n" + body;
}

}  // namespace

std::string ComposeGeneral(const CoturnSettings& settings, Findings& findings) {
  constexpr std::uint64_t kMostShards = 1024;
  std::string yaml = "roles: [relay]\n";
  if (settings.realm) {
    yaml += "realm: " + YamlQuoted(*settings.realm) + "\n";
  } else {
    const bool has_keys = std::ranges::any_of(
        settings.users, [](const CoturnSettings::User& user) { return !user.key_hex.empty(); });
    findings.Note(
        Section::kGeneral,
        std::string("realm is not written: coturn takes the domain of the host, here it is "
                    "senso-turn unless it is written") +
            (has_keys ? "; the keys of users are right for coturn's only" : ""));
  }
  yaml +=
      YamlComment("The name that clients are given:") + CommentedOut("node: turn.example.org\n");
  auto shards = settings.relay_threads ? settings.relay_threads : settings.cpus;
  if (shards)
    yaml += "shards: " + std::to_string(std::clamp(*shards, std::uint64_t{1}, kMostShards)) + "\n";
  return yaml;
}

std::string ComposeAuth(const CoturnSettings& settings, Findings& findings) {
  if (settings.no_auth) {
    findings.Note(Section::kAuth, *settings.no_auth,
                  "nobody is relayed without credentials: clients need a user or a secret");
  }
  if (settings.stun_only) {
    findings.Note(Section::kAuth, *settings.stun_only,
                  "users and secrets are left out, so that only STUN is answered");
    return {};
  }
  std::string users;
  std::map<std::string, int> last_line;
  for (const CoturnSettings::User& user : settings.users) last_line[user.name] = user.entry.line;
  for (const CoturnSettings::User& user : settings.users) {
    if (last_line[user.name] != user.entry.line) {
      findings.Note(Section::kAuth, user.entry, "is there again further below, which holds");
      continue;
    }
    users += "    - {username: " + YamlQuoted(user.name) + ", " +
             (user.key_hex.empty() ? "password: " + YamlQuoted(user.password)
                                   : "key: " + YamlQuoted(user.key_hex)) +
             "}\n";
  }
  std::string secrets;
  for (const CoturnSettings::Secret& secret : settings.secrets) {
    secrets += "    - {id: k" + std::to_string(&secret - settings.secrets.data() + 1) +
               ", secret: " + YamlQuoted(secret.secret) + "}\n";
  }
  if (settings.uses_auth_secret && !users.empty()) {
    findings.Note(Section::kAuth,
                  "coturn does not look at users while it uses secrets; here both let clients in. "
                  "Take auth.users out if they were not meant to");
  }
  if (settings.uses_auth_secret && secrets.empty()) {
    findings.Note(Section::kAuth,
                  "use-auth-secret stands without static-auth-secret: the secret is in a database, "
                  "and has to be written to auth.shared_secrets");
  }
  if (users.empty() && secrets.empty() && !settings.no_auth) {
    findings.Note(Section::kAuth,
                  "no user and no secret is written: coturn relays for everybody or asks its "
                  "database; here nobody is relayed until auth.users or auth.shared_secrets let "
                  "him in");
  }
  std::string body;
  if (!users.empty()) body += "  users:\n" + users;
  if (!secrets.empty()) body += "  shared_secrets:\n" + secrets;
  std::string tokens;
  if (settings.uses_access_tokens) {
    const std::string name = settings.server_name.value_or(settings.realm.value_or("NAME"));
    findings.Note(Section::kAuth,
                  "oauth: the keys shared with authorization servers are in coturn's database; "
                  "complete the comment");
    tokens = CommentedOut("  access_tokens: {server_name: " + YamlQuoted(name) +
                          ", keys: [{kid: KID, algorithm: A256GCM, key: BASE64}]}\n");
  }
  if (body.empty() && !tokens.empty()) return "# auth:\n" + tokens;
  return Map("auth", body) + tokens;
}

namespace {

// Quantities that a limit of 32 bits cannot say are as good as none.
std::string LimitOf(const std::optional<std::uint64_t>& quota) {
  constexpr std::uint64_t kMost = 0xffffffff;
  return std::to_string(quota && *quota <= kMost ? *quota : 0);
}

}  // namespace

std::string ComposeLimits(const CoturnSettings& settings, Findings& findings) {
  std::string yaml = YamlComment("As in coturn, where nothing is limited unless it is written:");
  yaml += "limits:\n";
  yaml += "  allocations: " + LimitOf(settings.total_quota) + "\n";
  yaml += "  allocations_per_user: " + LimitOf(settings.user_quota) + "\n";
  yaml += "  bandwidth_per_allocation: " + PrintBitRate(settings.max_bits_per_second.value_or(0)) +
          "\n";
  if (settings.capacity_bits_per_second.value_or(0) != 0) {
    findings.Note(Section::kLimits,
                  "bps-capacity: coturn shares it out and refuses allocations when all is given "
                  "away; here data above it is dropped, of those first who send most");
    yaml += "  bandwidth_total: " + PrintBitRate(*settings.capacity_bits_per_second) + "\n";
  }
  if (const auto rate = settings.challenges_per_second; rate.value_or(0) != 0) {
    yaml +=
        "  challenges_per_source: {rate: " + LimitOf(rate) + ", burst: " + LimitOf(rate) + "}\n";
  }
  return yaml;
}

std::string ComposeLifetimes(const CoturnSettings& settings, Findings& findings) {
  std::string body;
  const auto add = [&](const char* key, std::uint64_t seconds) {
    body += std::string("  ") + key + ": " + std::to_string(seconds) + "s\n";
  };
  if (const auto nonce = settings.nonce_seconds) {
    if (*nonce == 0 || *nonce > kDaySeconds)
      findings.Note(Section::kLifetimes, "stale-nonce: a nonce lives a day at most");
    add("nonce", *nonce == 0 ? kDaySeconds : std::min(*nonce, kDaySeconds));
  }
  if (const auto max = settings.max_lifetime_seconds; max.value_or(0) != 0) {
    constexpr std::uint64_t kDefault = 600;
    if (*max > kDaySeconds)
      findings.Note(Section::kLifetimes, "max-allocate-lifetime: a day at most");
    add("max", std::min(*max, kDaySeconds));
    if (*max < kDefault) add("default", *max);
  }
  const auto add_unless = [&](const char* key, const char* option,
                              const std::optional<std::uint64_t>& seconds, std::uint64_t usual) {
    if (!seconds || *seconds == usual) return;
    if (*seconds == 0 || *seconds > kDaySeconds) {
      findings.Note(Section::kLifetimes, std::string(option) + ": left at what RFC 8656 says");
      return;
    }
    findings.Note(Section::kLifetimes, std::string(option) + ": RFC 8656 fixes it at " +
                                           std::to_string(usual) + " seconds; take the line out");
    add(key, *seconds);
  };
  add_unless("channel", "channel-lifetime", settings.channel_seconds, 600);
  add_unless("permission", "permission-lifetime", settings.permission_seconds, 300);
  return Map("lifetimes", body);
}

std::string ComposeProtocol(const CoturnSettings& settings, const std::string& nat_discovery,
                            Findings& findings) {
  std::string body;
  if (settings.no_udp_relay) body += "  udp_relay: false\n";
  if (settings.no_udp_relay && !settings.no_tcp_relay) {
    body += "  tcp_relay: true\n";
  } else if (!settings.no_tcp_relay) {
    findings.Note(
        Section::kProtocol,
        "coturn relays over TCP (RFC 6062), too, unless there is no-tcp-relay; browsers do "
        "not use it, and here it is off unless protocol.tcp_relay is true");
  }
  if (settings.mobility) body += "  mobility: true\n";
  if (settings.hides_software) body += "  software: never\n";
  if (settings.classic_stun)
    body += std::string("  classic_stun: ") + (*settings.classic_stun ? "true" : "false") + "\n";
  if (settings.rfc5766_channel_numbers) body += "  channel_numbers: rfc5766\n";
  const bool has_md5_keys = std::ranges::any_of(settings.users, [](const auto& user) {
    return user.key_hex.size() == 32 && user.password.empty();
  });
  if (has_md5_keys && !settings.stun_only) {
    findings.Note(Section::kProtocol,
                  "users with a key (0x...) have one for MD5 only, so that SHA-256 is not offered; "
                  "with passwords instead it could be");
    body += "  password_algorithms: false\n";
  }
  return Map("protocol", body + nat_discovery);
}

std::string ComposeRedirect(const CoturnSettings& settings) {
  if (settings.alternate_servers.empty()) return {};
  std::string yaml = "redirect:\n  when: always\n  servers:\n";
  for (const base::Endpoint& server : settings.alternate_servers)
    yaml += "    - " + YamlQuoted(server.ToString()) + "\n";
  return yaml;
}

std::string ComposeMetrics(const CoturnSettings& settings, Findings& findings) {
  std::string body;
  if (settings.prometheus_address)
    body += "  address: " + YamlQuoted(settings.prometheus_address->ToString()) + "\n";
  if (settings.prometheus_port)
    body += "  port: " + std::to_string(*settings.prometheus_port) + "\n";
  if (settings.prometheus) {
    findings.Note(Section::kMetrics,
                  std::string("prometheus: metrics have other names (docs/migration.md)") +
                      (settings.prometheus_address
                           ? ""
                           : ", and are on loopback only unless metrics.address says otherwise; "
                             "coturn's are on every address"));
  }
  return Map("metrics", body);
}

std::string ComposeLog(const CoturnSettings& settings) {
  if (settings.log_level.empty()) return {};
  return "log: {level: " + settings.log_level + "}\n";
}

}  // namespace relay
