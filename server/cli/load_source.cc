#include "server/cli/load_source.h"

#include <utility>

#include "server/app/embedded_default.h"

namespace relay {

base::Result<LoadedConfig> LoadSource(const ConfigSource& source) {
  if (!source.file) {
    auto embedded = BuildEmbeddedDefault(source.overrides, SelfSigned::kSpare);
    if (!embedded.ok()) return embedded.error();
    return std::move(embedded).value().loaded;
  }
  LoadedConfig loaded = LoadConfigFile(*source.file, source.overrides);
  if (loaded.ok()) LeaveOutUnavailableListeners(loaded.config);
  return loaded;
}

}  // namespace relay
