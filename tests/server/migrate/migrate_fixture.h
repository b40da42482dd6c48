#pragma once

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/config/load.h"
#include "server/migrate/migrate.h"

namespace relay {

inline base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }

// The notes and errors as they are printed.
inline std::vector<std::string> Texts(const std::vector<MigrationNote>& notes) {
  std::vector<std::string> texts;
  for (const MigrationNote& note : notes) texts.push_back(note.ToString("turn.conf"));
  return texts;
}

// A turnserver.conf, what becomes of it, and what the server makes of that.
class MigrateTest : public testing::Test {
 protected:
  // What the server makes of the result.
  Config ConfigOf(std::string_view text) {
    migration_ = Migrate(text, host_);
    EXPECT_THAT(Texts(migration_.errors), testing::IsEmpty()) << text;
    const LoadedConfig loaded = LoadConfigText(migration_.yaml, "", {});
    for (const Diagnostic& error : loaded.errors)
      ADD_FAILURE() << error.ToString() << "\n" << migration_.yaml;
    return loaded.config;
  }

  std::vector<std::string> ErrorsOf(std::string_view text) {
    migration_ = Migrate(text, host_);
    EXPECT_EQ(migration_.yaml.empty(), !migration_.errors.empty());
    return Texts(migration_.errors);
  }

  std::vector<std::string> NotesOf(std::string_view text) {
    (void)ConfigOf(text);
    return Texts(migration_.notes);
  }

  // "udp 0.0.0.0:3478"
  std::vector<std::string> ListenersOf(std::string_view text) {
    std::vector<std::string> listeners;
    for (const Config::Listener& listener : ConfigOf(text).listeners)
      listeners.push_back(ToString(listener));
    return listeners;
  }

  // With certificates that everybody can see but nobody loads.
  std::string YamlWithTls(const std::string& text) {
    migration_ = Migrate(text + "\ncert=/c.pem\npkey=/k.pem", host_);
    return migration_.yaml;
  }

  MigrationHost host_;
  Migration migration_;
};

inline std::vector<std::string> Printed(const std::vector<base::IpPrefix>& prefixes) {
  std::vector<std::string> texts;
  for (const base::IpPrefix& prefix : prefixes) texts.push_back(prefix.ToString());
  return texts;
}

}  // namespace relay
