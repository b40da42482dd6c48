// The options of coturn about who may come, how much he gets, and what is spoken with him.

#include "auth/opaque_string.h"
#include "server/config/fields.h"
#include "server/migrate/option_setters.h"
#include "server/migrate/options.h"
#include "server/migrate/values.h"

namespace relay {
namespace {

using enum Section;
using enum Fate;
using enum Takes;

// coturn counts octets a second, whatever its names say.
template <std::optional<std::uint64_t> CoturnSettings::*Member>
void SetOctetRate(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 50;
  const auto octets = ReadNumber(entry, findings);
  if (octets && *octets > kMost) findings.Fail(entry, "is more than any network carries");
  if (octets && *octets <= kMost) settings.*Member = *octets * 8;
}

constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";

void AddUser(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  const std::size_t colon = entry.value.find(':');
  CoturnSettings::User user{entry, entry.value.substr(0, colon), {}, {}};
  user.entry.value.clear();
  if (colon == std::string::npos || colon == 0 || colon + 1 == entry.value.size()) {
    findings.Fail(entry, "is not of the form name:password or name:0xkey");
    return;
  }
  std::string secret = entry.value.substr(colon + 1);
  if (!secret.starts_with("0x")) {
    user.password = std::move(secret);
    const auto prepared = auth::PrepareOpaqueString(user.password);
    if (!prepared.ok()) findings.Fail(entry, "the password " + prepared.error().message);
  } else {
    user.key_hex = secret.substr(2);
    const bool is_hex = user.key_hex.find_first_not_of(kHexDigits) == std::string::npos;
    if (!is_hex || (user.key_hex.size() != 32 && user.key_hex.size() != 64)) {
      findings.Fail(entry,
                    "the key is not of 32 hexadecimal digits behind 0x, as turnadmin -k "
                    "prints it");
    }
  }
  if (const auto prepared = auth::PrepareOpaqueString(user.name); !prepared.ok())
    findings.Fail(entry, "the name " + prepared.error().message);
  settings.users.push_back(std::move(user));
}

void AddSecret(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  if (!auth::IsValidUtf8(entry.value)) findings.Fail(entry, "is not UTF-8");
  settings.uses_auth_secret = true;
  settings.secrets.push_back({{entry.line, entry.name, {}}, entry.value});
}

void UseDatabase(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  settings.has_database = true;
  findings.Note(kAuth, entry,
                "there is no database of users: those in it have to be written to auth.users, its "
                "secrets to auth.shared_secrets, or the applications ask the credential service");
}

void SetSeparator(const ConfEntry& entry, CoturnSettings&, Findings& findings) {
  if (entry.value == ":") return;
  findings.Note(kAuth, entry,
                "the separator in user names is always ':'; applications have to be told");
}

void SetNonce(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  constexpr std::uint64_t kDefault = 600;
  settings.nonce_seconds = entry.value.empty() ? kDefault : ReadNumber(entry, findings);
}

constexpr std::string_view kDatabase = "a note names what to do with its users and secrets";

constexpr CoturnOption kOptions[] = {
    {"lt-cred-mech", kFlag, kAuth, kAlready, "", "The only way in"},
    {"no-auth", kFlag, kAuth, kTaken, "", "nobody is served without credentials: a note",
     SetEntry<&CoturnSettings::no_auth>},
    {"user", kValue, kAuth, kTaken, "auth.users",
     "keys (0x...) as `key`, with SHA-256 off, which they do not have", AddUser},
    {"realm", kValue, kGeneral, kTaken, "realm", "",
     [](const ConfEntry& entry, CoturnSettings& settings, Findings&) {
       settings.realm = entry.value;
     }},
    {"use-auth-secret", kFlag, kAuth, kTaken, "auth.shared_secrets",
     "users and secrets work side by side", SetFlag<&CoturnSettings::uses_auth_secret>},
    {"static-auth-secret", kValue, kAuth, kTaken, "auth.shared_secrets",
     "the first signs, all verify", AddSecret},
    {"rest-api-separator", kValue, kAuth, kTaken, "", "`:` and nothing else", SetSeparator},
    {"secret-ts-exp-time", kValue, kAuth, kNone, "",
     "credentials end when their user names say so; coturn ignores it, too"},
    {"no-auth-pings", kFlag, kAuth, kAlready, "", "There is no database to ask"},
    {"userdb", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"db", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"psql-userdb", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"sql-userdb", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"mysql-userdb", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"mongo-userdb", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"redis-userdb", kValue, kAuth, kTaken, "", kDatabase, UseDatabase},
    {"secret-key-file", kValue, kAuth, kNone, "",
     "there is no database, and so no encrypted password for one"},
    {"oauth", kFlag, kAuth, kTaken, "auth.access_tokens",
     "the keys, which coturn has in its database, are left to fill in",
     SetFlag<&CoturnSettings::uses_access_tokens>},
    {"server-name", kValue, kAuth, kTaken, "auth.access_tokens.server_name", "with `oauth`",
     [](const ConfEntry& entry, CoturnSettings& settings, Findings&) {
       settings.server_name = entry.value;
     }},
    {"no-dynamic-realms", kFlag, kAuth, kAlready, "", "There is one realm"},
    {"check-origin-consistency", kFlag, kAuth, kNone, "",
     "ORIGIN, which browsers do not send, is not looked at; there is one realm"},

    {"user-quota", kValue, kLimits, kTaken, "limits.allocations_per_user", "",
     SetNumber<&CoturnSettings::user_quota>},
    {"total-quota", kValue, kLimits, kTaken, "limits.allocations", "",
     SetNumber<&CoturnSettings::total_quota>},
    {"max-bps", kValue, kLimits, kTaken, "limits.bandwidth_per_allocation",
     "coturn's are octets a second: eight times as many bits",
     SetOctetRate<&CoturnSettings::max_bits_per_second>},
    {"bps-capacity", kValue, kLimits, kTaken, "limits.bandwidth_total", "likewise",
     SetOctetRate<&CoturnSettings::capacity_bits_per_second>},
    {"unauthorized-ratelimit", kFlag, kLimits, kAlready, "",
     "Always on; `limits.challenges_per_source`"},
    {"unauthorized-ratelimit-rps", kValue, kLimits, kTaken, "limits.challenges_per_source.rate", "",
     SetNumber<&CoturnSettings::challenges_per_second>},

    {"stale-nonce", kValueOrNothing, kLifetimes, kTaken, "lifetimes.nonce", "a day at most",
     SetNonce},
    {"max-allocate-lifetime", kValue, kLifetimes, kTaken, "lifetimes.max", "a day at most",
     SetNumber<&CoturnSettings::max_lifetime_seconds>},
    {"channel-lifetime", kValue, kLifetimes, kTaken, "lifetimes.channel", "",
     SetNumber<&CoturnSettings::channel_seconds>},
    {"permission-lifetime", kValue, kLifetimes, kTaken, "lifetimes.permission", "",
     SetNumber<&CoturnSettings::permission_seconds>},
    {"max-allocate-timeout", kValue, kLifetimes, kNone, "",
     "nothing is kept for a client before it is known who it is, so there is nothing to end"},

    {"stateless-nonce", kFlag, kProtocol, kAlready, "", "Nonces need no table"},
    {"stateless-nonce-secret", kValue, kProtocol, kNone, "",
     "the key of nonces is each process's own; a client that comes to another is answered 438 "
     "once"},
    {"fingerprint", kFlag, kProtocol, kAlready, "", "In every answer to a request that has one"},
    {"stun-only", kFlag, kProtocol, kTaken, "auth",
     "users and secrets are left out: then only STUN is answered",
     SetEntry<&CoturnSettings::stun_only>},
    {"no-stun", kFlag, kProtocol, kNone, "", "Binding requests are answered, which ICE needs"},
    {"secure-stun", kFlag, kProtocol, kNone, "",
     "Binding requests need no credentials; how many strangers get answered is limited by "
     "limits.challenges_per_source"},
    {"mobility", kFlag, kProtocol, kTaken, "protocol.mobility", "",
     SetFlag<&CoturnSettings::mobility>},
    {"no-udp-relay", kFlag, kProtocol, kTaken, "protocol.udp_relay", "",
     SetFlag<&CoturnSettings::no_udp_relay>},
    {"no-tcp-relay", kFlag, kProtocol, kTaken, "protocol.tcp_relay",
     "off here unless it is switched on; a note where coturn had it on",
     SetFlag<&CoturnSettings::no_tcp_relay>},
    {"no-software-attribute", kFlag, kProtocol, kTaken, "protocol.software", "",
     SetFlag<&CoturnSettings::hides_software>},
    {"prod", kFlag, kProtocol, kTaken, "protocol.software", "",
     SetFlag<&CoturnSettings::hides_software>},
    {"software-attribute", kFlag, kProtocol, kTaken, "protocol.software",
     "strangers do not see it unless it is `always`",
     [](const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
       settings.hides_software = !ReadFlag(entry, findings).value_or(true);
     },
     true},
    {"rfc5780", kFlag, kProtocol, kTaken, "protocol.nat_discovery",
     "with two addresses of a family", SetEntry<&CoturnSettings::rfc5780>},
    {"no-rfc5780", kFlag, kProtocol, kTaken, "protocol.nat_discovery", "off unless it is written",
     SetFlag<&CoturnSettings::no_rfc5780>},
    {"response-origin-only-with-rfc5780", kFlag, kProtocol, kAlready, "", "Always so"},
    {"stun-backward-compatibility", kFlag, kProtocol, kTaken, "protocol.classic_stun", "",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) { settings.classic_stun = true; }},
    {"rfc3489-compatibility", kFlag, kProtocol, kTaken, "protocol.classic_stun", "",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) { settings.classic_stun = true; }},
    {"no-stun-backward-compatibility", kFlag, kProtocol, kTaken, "protocol.classic_stun", "",
     [](const ConfEntry&, CoturnSettings& settings, Findings&) { settings.classic_stun = false; }},
    {"rfc5766-channel-numbers", kFlag, kProtocol, kTaken, "protocol.channel_numbers", "`rfc5766`",
     SetFlag<&CoturnSettings::rfc5766_channel_numbers>},
    {"include-reason-string", kFlag, kProtocol, kAlready, "", "Errors have their reason"},
};

}  // namespace

std::span<const CoturnOption> AuthOptions() { return kOptions; }

}  // namespace relay
