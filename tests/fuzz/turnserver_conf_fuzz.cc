#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/check.h"
#include "server/config/load.h"
#include "server/migrate/conf_reader.h"
#include "server/migrate/migrate.h"

namespace {

relay::MigrationHost Host() {
  relay::MigrationHost host;
  host.v4 = base::IpAddress::Parse("198.51.100.10");
  host.v6 = base::IpAddress::Parse("2001:db8::10");
  return host;
}

// What was read, written in the plainest way.
std::string Write(const std::vector<relay::ConfEntry>& entries) {
  std::string text = " ";  // a byte order mark is not the first thing
  int line = 1;
  for (const relay::ConfEntry& entry : entries) {
    for (; line < entry.line; ++line) text += '\n';
    text += entry.name + "=\"" + entry.value + '"';
  }
  return text;
}

}  // namespace

// Any octets as a turnserver.conf: what is read can be written and reads the same, and what it is
// translated to is a configuration whose mistakes, if any, have a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = relay::ReadTurnserverConf(text);
  int line = 0;
  for (const relay::ConfEntry& entry : entries) {
    CHECK(entry.line > line);
    line = entry.line;
    CHECK(!entry.name.starts_with('#'));
    CHECK(entry.name.find_first_of(" \t=\n") == std::string::npos);
    CHECK(entry.value.find('\n') == std::string::npos);
  }
  const auto again = relay::ReadTurnserverConf(Write(entries));
  CHECK(again.size() == entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CHECK(again[i].line == entries[i].line && again[i].name == entries[i].name);
    CHECK(again[i].value == entries[i].value);
  }

  static const relay::MigrationHost host = Host();
  const relay::Migration migration = relay::Migrate(text, host);
  CHECK(migration.yaml.empty() == !migration.errors.empty());
  if (!migration.errors.empty()) return 0;
  const auto loaded =
      relay::LoadConfigText(migration.yaml, "", {}, {}, relay::CertificateNeed::kIsMadeIfMissing);
  // A value that turnserver takes and this server does not is left for whoever checks the result,
  // and is found there by its line.
  for (const relay::Diagnostic& error : loaded.errors) CHECK(error.line > 0);
  return 0;
}
