#include "server/migrate/compose.h"

#include "server/migrate/yaml_text.h"

namespace relay {
namespace {

std::string NoteComments(const Findings& findings, Section section) {
  std::string comments;
  for (const MigrationNote& note : findings.NotesOf(section)) {
    std::string text;
    if (note.line > 0) text = "line " + std::to_string(note.line) + ", ";
    if (!note.option.empty()) text += note.option + ": ";
    comments += YamlComment(text + note.message);
  }
  return comments;
}

}  // namespace

std::string ComposeConfiguration(const CoturnSettings& settings, const MigrationHost& host,
                                 Findings& findings) {
  const MigratedListeners listeners = ComposeListeners(settings, host, findings);
  // In the order of Section.
  const std::string sections[kSections] = {
      ComposeGeneral(settings, findings),
      listeners.listeners,
      listeners.tls,
      ComposeRelay(settings, host, findings),
      ComposePeers(settings, findings),
      ComposeAuth(settings, findings),
      ComposeLimits(settings, findings),
      ComposeLifetimes(settings, findings),
      ComposeProtocol(settings, listeners.nat_discovery, findings),
      ComposeRedirect(settings),
      ComposeMetrics(settings, findings),
      ComposeLog(settings),
      {},
  };
  std::string yaml = YamlComment(
      "Made by `senso-turn migrate` from a turnserver.conf. What has no equivalent, or another one "
      "than one might think, is said above the section where it belongs; docs/migration.md "
      "explains "
      "the rest.");
  for (std::size_t i = 0; i < kSections; ++i) {
    const std::string comments = NoteComments(findings, static_cast<Section>(i));
    if (comments.empty() && sections[i].empty()) continue;
    yaml += "\n" + comments + sections[i];
  }
  return yaml;
}

}  // namespace relay
