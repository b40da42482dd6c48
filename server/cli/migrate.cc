#include "server/migrate/migrate.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "server/app/relay_addresses.h"
#include "server/cli/commands.h"
#include "server/config/file_content.h"
#include "server/config/load.h"

namespace relay {
namespace {

constexpr std::size_t kMaxFileBytes = 4 << 20;

// Where coturn looks, as far as that does not depend on how it was started.
std::optional<std::string> FindFile(const std::filesystem::path& conf, const std::string& name) {
  const std::filesystem::path path(name);
  std::error_code ignored;
  for (const std::filesystem::path& folder :
       {std::filesystem::absolute(conf, ignored).parent_path(), std::filesystem::path("/etc"),
        std::filesystem::path("/usr/local/etc")}) {
    const std::filesystem::path candidate = path.is_absolute() ? path : folder / path;
    if (::access(candidate.c_str(), R_OK) == 0 &&
        !std::filesystem::is_directory(candidate, ignored))
      return candidate.lexically_normal().string();
  }
  return std::nullopt;
}

}  // namespace

int RunMigrate(const std::string& file) {
  auto content = ReadFileContent(file, kMaxFileBytes);
  if (!content.ok()) return Complain(kExitFailed, file + ": " + content.error().message);
  const MigrationHost host{DefaultRouteAddress(base::AddressFamily::kIpv4),
                           DefaultRouteAddress(base::AddressFamily::kIpv6),
                           [&](const std::string& name) { return FindFile(file, name); }};
  const Migration migration = Migrate(content.value(), host);
  for (const MigrationNote& note : migration.notes) std::cerr << note.ToString(file) << '\n';
  for (const MigrationNote& error : migration.errors)
    Complain(kExitFailed, "error: " + error.ToString(file));
  if (!migration.errors.empty()) return kExitFailed;
  std::cout << migration.yaml << std::flush;

  // What only the configuration as a whole can tell, such as a key that is not that of its
  // certificate.
  const LoadedConfig loaded = LoadConfigText(migration.yaml, "the result", {});
  for (const Diagnostic& error : loaded.errors) Complain(kExitFailed, "error: " + error.ToString());
  return loaded.ok() ? kExitDone : kExitFailed;
}

}  // namespace relay
