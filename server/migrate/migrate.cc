#include "server/migrate/migrate.h"

#include <map>

#include "server/config/fields.h"
#include "server/migrate/compose.h"
#include "server/migrate/options.h"
#include "server/migrate/values.h"

namespace relay {
namespace {

// Those that may be written any number of times.
constexpr std::string_view kLists[] = {"listening-ip",
                                       "relay-ip",
                                       "external-ip",
                                       "aux-server",
                                       "user",
                                       "static-auth-secret",
                                       "allowed-peer-ip",
                                       "denied-peer-ip",
                                       "alternate-server",
                                       "udp-alternate-server",
                                       "tcp-alternate-server",
                                       "tls-alternate-server"};

bool IsList(std::string_view name) {
  for (const std::string_view list : kLists) {
    if (name == list) return true;
  }
  return false;
}

void NoteUnknown(const ConfEntry& entry, Findings& findings) {
  // Whatever it is, it might be a secret that lost its name: only what looks like an option is
  // repeated.
  constexpr std::size_t kLongest = 40;
  const CoturnOption& nearest = NearestCoturnOption(entry.name);
  std::string message = "is no option of coturn 4.6 to 4.17, and left out";
  if (entry.name.starts_with('-')) {
    message += "; in a file, options stand without hyphens before them";
  } else {
    message += "; the nearest one is " + std::string(nearest.name);
  }
  ConfEntry shown = entry;
  if (entry.name.size() > kLongest) {
    shown.name.clear();
    message = "the line " + message;
  } else {
    shown.name = fields::Quoted(entry.name);
  }
  findings.Note(Section::kOperation, shown, message);
}

void Apply(const ConfEntry& entry, const CoturnOption& option, CoturnSettings& settings,
           Findings& findings) {
  if (option.takes == Takes::kFlag) {
    const auto is_on = ReadFlag(entry, findings);
    if (!is_on || (!*is_on && !option.hears_off)) return;
  } else if (option.takes == Takes::kValue && entry.value.empty()) {
    findings.Fail(entry, "needs a value: " + entry.name + "=VALUE");
    return;
  }
  if (option.fate == Fate::kNone) findings.Note(option.section, entry, std::string(option.remark));
  if (option.fate == Fate::kTaken) option.apply(entry, settings, findings);
}

}  // namespace

Migration Migrate(std::string_view turnserver_conf, const MigrationHost& host) {
  CoturnSettings settings;
  Findings findings;
  std::map<std::string, int> seen;
  for (const ConfEntry& entry : ReadTurnserverConf(turnserver_conf)) {
    const CoturnOption* const option = FindCoturnOption(entry.name);
    if (option == nullptr) {
      NoteUnknown(entry, findings);
      continue;
    }
    const auto [first, is_new] = seen.try_emplace(entry.name, entry.line);
    if (!is_new && option->takes != Takes::kFlag && !IsList(entry.name)) {
      findings.Note(option->section, entry,
                    "is also on line " + std::to_string(first->second) + "; this one holds");
    }
    Apply(entry, *option, settings, findings);
  }
  std::string yaml = ComposeConfiguration(settings, host, findings);
  Migration migration{{}, findings.AllNotes(), findings.Errors()};
  if (migration.errors.empty()) migration.yaml = std::move(yaml);
  return migration;
}

}  // namespace relay
