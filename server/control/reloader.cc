#include "server/control/reloader.h"

#include <algorithm>
#include <utility>

#include "server/config/changes.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr std::size_t kMaxLoggedDetails = 20;
constexpr std::string_view kNothingChanged = "; nothing was changed";

std::string Join(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ", ") + key;
  return text;
}

Reloader::Report Failure(std::string why) {
  return {.is_success = false, .summary = std::move(why.append(kNothingChanged)), .details = {}};
}

void LogReport(const Reloader::Report& report) {
  const LogLevel level = report.is_success ? LogLevel::kInfo : LogLevel::kError;
  Log(level,
      report.is_success ? "the configuration was read again"
                        : "the configuration cannot be reloaded, the former one stays in use",
      {{"result", report.summary}});
  const std::size_t shown = std::min(report.details.size(), kMaxLoggedDetails);
  for (std::size_t i = 0; i < shown; ++i) {
    Log(report.is_success ? LogLevel::kWarning : LogLevel::kError, "in the configuration",
        {{"place", report.details[i]}});
  }
  if (shown < report.details.size()) {
    Log(level, "`senso-turn check` shows the rest", {{"left_out", report.details.size() - shown}});
  }
}

}  // namespace

Reloader::Reloader(std::optional<Source> source, Apply apply)
    : source_(std::move(source)), apply_(std::move(apply)) {}

Reloader::Report Reloader::Reload() {
  Report report = source_ ? ReloadFile()
                          : Failure(
                                "the server was started without a configuration file "
                                "(--config), so there is nothing to reload");
  LogReport(report);
  return report;
}

Reloader::Report Reloader::ReloadFile() {
  LoadedConfig loaded = LoadConfigFile(source_->file, source_->overrides);
  if (!loaded.ok()) return Refuse(loaded);
  const ConfigChanges changes = CompareConfigs(source_->running, loaded.config);
  if (changes.empty()) return {.is_success = true, .summary = "nothing has changed", .details = {}};
  // Most likely it is being written.
  if (loaded.is_empty) return Failure("'" + source_->file + "' is empty");
  if (!changes.by_restart.empty())
    return Failure("a restart is needed for " + Join(changes.by_restart));
  if (const auto applied = apply_(loaded.config); !applied.ok())
    return Failure(applied.error().message);

  source_->running = std::move(loaded.config);
  Report report{.is_success = true, .summary = "changed " + Join(changes.by_reload), .details = {}};
  for (Diagnostic& warning : loaded.warnings) {
    warning.message.insert(0, "warning: ");
    report.details.push_back(warning.ToString());
  }
  return report;
}

Reloader::Report Reloader::Refuse(const LoadedConfig& loaded) const {
  const std::size_t count = loaded.errors.size();
  Report report = Failure(std::to_string(count) + (count == 1 ? " error in '" : " errors in '") +
                          source_->file + "'");
  for (const Diagnostic& error : loaded.errors) report.details.push_back(error.ToString());
  return report;
}

}  // namespace relay
