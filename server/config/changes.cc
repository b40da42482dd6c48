#include "server/config/changes.h"

#include "server/config/schema.h"

namespace relay {
namespace {

Draft DraftOf(const Config& config) {
  Draft draft;
  draft.config = config;
  return draft;
}

// With the first certificate listeners begin to take (D)TLS, and default ones to exist; without the
// last one clients would lose theirs.
bool TurnsTlsOnOrOff(const Config& running, const Config& loaded) {
  return running.tls.certificates.empty() != loaded.tls.certificates.empty();
}

// The API and its listener exist from the start or not at all.
bool TurnsApiOnOrOff(const Config& running, const Config& loaded) {
  return OffersCredentials(running) != OffersCredentials(loaded);
}

}  // namespace

ConfigChanges CompareConfigs(const Config& running, const Config& loaded) {
  const Draft one = DraftOf(running);
  const Draft other = DraftOf(loaded);
  ConfigChanges changes;
  for (const Row& row : Schema()) {
    const bool is_of_item = row.path.find("[]") != std::string::npos;
    if (is_of_item || row.is_same(one, other)) continue;
    const bool needs_restart =
        row.reload == Row::Reload::kNeedsRestart ||
        (row.path == "tls.certificates" && TurnsTlsOnOrOff(running, loaded)) ||
        ((row.path == "credentials.issuers" || row.path == "credentials.api_keys") &&
         TurnsApiOnOrOff(running, loaded));
    (needs_restart ? changes.by_restart : changes.by_reload).push_back(row.path);
  }
  return changes;
}

}  // namespace relay
