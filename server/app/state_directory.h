#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/config.h"

namespace relay {

// Where state may be kept, the best place first: state.directory alone if it was changed, else it,
// $STATE_DIRECTORY, and $XDG_STATE_HOME/senso-turn or ~/.local/state/senso-turn.
std::vector<std::string> StateDirectoryCandidates(const Config& config);

// The first of them that is there or can be made (0700), and that this user may write to. Fails if
// there is none, naming what was tried.
base::Result<std::string> OpenStateDirectory(const Config& config);

// Puts a file of that content and mode in the place of `path`: whoever looks sees all of the former
// one or all of this one, also after a power failure. Fails when it cannot be written, naming it.
base::Result<void> ReplaceFile(const std::string& path, std::string_view text, ::mode_t mode);

// The secret that is kept in `directory`; made (32 random octets in base64, 0600) when there is
// none. Two processes that do this at once get the same one. Fails when it can be neither read nor
// made, or when what is there is no secret.
struct KeptSecret {
  std::string path;
  std::string secret;
  bool is_world_readable = false;
};
base::Result<KeptSecret> KeepSecret(const std::string& directory);

}  // namespace relay
