// What migrate.h declares for docs/coturn-options.md.

#include "server/migrate/migrate.h"
#include "server/migrate/options.h"

namespace relay {
namespace {

constexpr std::string_view kTitles[kSections] = {
    "General",   "Listeners", "TLS",         "Relay addresses", "Peers", "Authentication", "Limits",
    "Lifetimes", "Protocol",  "Redirection", "Metrics",         "Log",   "Operation"};

std::string Row(const CoturnOption& option) {
  std::string here = option.here.empty() ? "" : "`" + std::string(option.here) + "`";
  if (option.fate == Fate::kAlready) here = "always so";
  if (option.fate == Fate::kNone) here = "nothing like it";
  return "| `" + std::string(option.name) + "` | " + (here.empty() ? "a note" : here) + " | " +
         std::string(option.remark) + " |\n";
}

}  // namespace

std::string PrintMigrationDocument() {
  std::string text =
      "# What becomes of coturn's options\n\n"
      "<!-- Made by `senso-turn generate migration`; do not edit. -->\n\n"
      "Every option of coturn 4.6 to 4.17, and what `senso-turn migrate` does with it. How to move "
      "is "
      "told in [migration.md](migration.md), the keys are explained in "
      "[configuration.md](configuration.md).\n\n"
      "*Always so*: what the option asks for is how senso-turn is. *Nothing like it*, and *a "
      "note*: "
      "`migrate` says so, with the line.\n";
  for (std::size_t i = 0; i < kSections; ++i) {
    std::string rows;
    for (const CoturnOption* option : CoturnOptions()) {
      if (option->section == static_cast<Section>(i)) rows += Row(*option);
    }
    if (rows.empty()) continue;
    text += "\n## " + std::string(kTitles[i]) + "\n\n| coturn | here | remarks |\n|---|---|---|\n" +
            rows;
  }
  return text;
}

}  // namespace relay
