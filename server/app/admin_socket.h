#pragma once

#include <string>
#include <vector>

namespace relay {

// Where the admin socket of a server without configuration may be, best first: /run/senso-turn for
// root, the user's runtime directory, /tmp/senso-turn-UID. `status` and its like look in the same
// places.
std::vector<std::string> AdminSocketCandidates(const std::string& configured);

// The first candidate whose folder exists or can be made (mode 0750), and can be written. The
// configured path when none.
std::string ChooseAdminSocket(const std::string& configured);

}  // namespace relay
