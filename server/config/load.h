#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"

namespace relay {

// One thing that is wrong, or only unwise, in a configuration.
struct Diagnostic {
  std::string source;  // the file, or "--set" for an override
  int line = 0;        // from 1; 0: none, as for an override
  std::string key;     // "relay.ports.min", "listeners[2].port"; empty: the file as a whole
  std::string message;

  // "turn.yaml:12: relay.ports.min: ...", one line whatever was written: control characters of key
  // and message are shown as \xNN.
  std::string ToString() const;
};

// What came out of loading. `config` is only to be used when there are no errors.
struct LoadedConfig {
  Config config;
  std::vector<Diagnostic> errors;    // by line
  std::vector<Diagnostic> warnings;  // by line
  bool is_empty = false;             // nothing was written, but for overrides
  std::vector<std::string> files;    // that keys name and whose content is in `config`

  bool ok() const { return errors.empty(); }
};

// Reads, expands, checks and converts a YAML file, and reports everything that is wrong with it,
// not only the first thing. `overrides` ("key.path=value", the value being YAML) are applied on
// top, in their order. A file that cannot be read is an error like any other. Reads the environment
// and the files that secret_file and password_file name (relative to the configuration's folder),
// and those of tls.certificates (likewise), and compares their expiry with the clock.
LoadedConfig LoadConfigFile(const std::string& path, const std::vector<std::string>& overrides);

// Whether a listener that needs a certificate where there is none is an error, or whoever loads is
// going to make one.
enum class CertificateNeed : unsigned char { kMustBeConfigured, kIsMadeIfMissing };

// The same for text; `source` stands for the file's name in diagnostics. Empty text gives the
// defaults. Relative files are looked up from `directory`, or from the working directory.
LoadedConfig LoadConfigText(std::string_view text, const std::string& source,
                            const std::vector<std::string>& overrides,
                            const std::string& directory = {},
                            CertificateNeed need = CertificateNeed::kMustBeConfigured);

}  // namespace relay
