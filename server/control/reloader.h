#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/config.h"
#include "server/config/load.h"

namespace relay {

// Reads the configuration again while the server runs: all of it or nothing. The file is loaded and
// checked whole, with the overrides and the environment of the start; then it is compared with what
// runs, and a key that needs a restart refuses all of it. Control thread only.
class Reloader {
 public:
  struct Source {
    std::string file;
    std::vector<std::string> overrides;
    Config running;  // what came out of both at the start
  };
  // Puts a checked configuration into use. Fails with the reason; then nothing has changed.
  using Apply = std::function<base::Result<void>(const Config& config)>;

  // nullopt: the server was started without a file, and every reload fails.
  Reloader(std::optional<Source> source, Apply apply);

  struct Report {
    bool is_success = false;
    std::string summary;               // half a sentence
    std::vector<std::string> details;  // errors, or warnings, one each
  };
  // Reads files and does not wait for anything else. What became of it is also in the log.
  Report Reload();

 private:
  Report ReloadFile();
  Report Refuse(const LoadedConfig& loaded) const;

  std::optional<Source> source_;
  Apply apply_;
};

}  // namespace relay
