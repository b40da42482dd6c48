#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relay {

// One line of a turnserver.conf that sets something.
struct ConfEntry {
  int line = 0;       // from 1
  std::string name;   // up to the first blank or '='
  std::string value;  // without the blanks and double quotes around it; empty: there is none
};

// Reads what coturn reads, in its order: "name", "name=value" and "name value", blanks around all
// of it, comments on lines of their own, line ends of any kind. A '#' further behind belongs to the
// value, as do single quotes. Any text is taken; what the names mean is for others to say.
std::vector<ConfEntry> ReadTurnserverConf(std::string_view text);

}  // namespace relay
