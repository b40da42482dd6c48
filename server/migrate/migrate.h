#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ip_address.h"

namespace relay {

// What only the host of the file can tell. Without it the result is right, but says less.
struct MigrationHost {
  // Of the default routes: what `external-ip` without a private address stands for.
  std::optional<base::IpAddress> v4;
  std::optional<base::IpAddress> v6;
  // Where coturn would find a file with this name, and it can be read; nullopt: nowhere.
  std::function<std::optional<std::string>(const std::string& name)> find_file;
};

// Something to know about the translation of a turnserver.conf. Secrets are never repeated.
struct MigrationNote {
  int line = 0;        // from 1; 0: of the file as a whole
  std::string option;  // empty: none
  std::string message;

  // "turnserver.conf:12: no-stun: ..."
  std::string ToString(const std::string& source) const;
};

struct Migration {
  std::string yaml;                   // empty if there are errors
  std::vector<MigrationNote> notes;   // by line: what has no equivalent, and what is otherwise here
  std::vector<MigrationNote> errors;  // by line: what coturn could not have meant
};

// The configuration that does what a turnserver.conf of coturn 4.6 to 4.17 did. What is written is
// taken over; a limit that coturn does not have unless it is written is not introduced, and a door
// that it leaves open unless told otherwise (everybody without credentials, private peers, TCP
// relays) is not opened: that is a note, too. Opens no file, sends nothing.
Migration Migrate(std::string_view turnserver_conf, const MigrationHost& host);

// docs/coturn-options.md: every option, and what becomes of it.
std::string PrintMigrationDocument();

}  // namespace relay
