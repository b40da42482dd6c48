#pragma once

#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/load.h"

namespace relay {

// A listener of the list that is not opened, why, and what to do to have it.
struct LeftOutListener {
  Config::Listener listener;
  std::string reason;
  std::string remedy;
};

// Takes out of `config.listeners` what a default list may lack: transports that this version does
// not speak and families that this host does not have. Does nothing when the list was written by
// somebody.
std::vector<LeftOutListener> LeaveOutUnavailableListeners(Config& config);

// The configuration of `serve` without --config: everything at its default, and one shared secret
// that is made once and kept in the state directory, so that it is never an open relay.
struct EmbeddedDefault {
  LoadedConfig loaded;  // errors and warnings come from the overrides
  std::vector<LeftOutListener> left_out;
  std::string secret_path;  // empty if the overrides brought users or secrets of their own
};

// Fails when there is no place to keep the secret or when the kept one cannot be used.
base::Result<EmbeddedDefault> BuildEmbeddedDefault(const std::vector<std::string>& overrides);

}  // namespace relay
