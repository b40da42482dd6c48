#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/config/load.h"
#include "server/config/value.h"

namespace relay {

// A user as written; the keys are derived when the realm is known.
struct UserDraft {
  std::string username;
  std::string password;
  std::vector<std::string> keys_hex;
};

// A configuration while it is being read: the values so far, where each of them was written, and
// what is wrong. Keys are spelled with their list positions, counted from 0: "listeners[2].port".
class Draft {
 public:
  Config config;
  std::vector<UserDraft> users;
  std::string directory;                    // relative files are looked up from here
  std::vector<std::string> files;           // that were read, or could not be
  bool makes_missing_certificates = false;  // whoever loads does, if a listener needs one

  void MarkWritten(const std::string& key, const Position& position) { written_[key] = position; }
  bool IsWritten(const std::string& key) const { return written_.contains(key); }

  // Whether something is wrong with the key or with a part of it, so that its value means nothing.
  bool HasError(const std::string& key) const;

  // Both place the message where the key was written, else where its nearest parent was.
  void AddError(const std::string& key, std::string message);
  void AddWarning(const std::string& key, std::string message);

  std::vector<Diagnostic> errors;
  std::vector<Diagnostic> warnings;

 private:
  Position PositionOf(std::string key) const;

  std::map<std::string, Position> written_;
};

}  // namespace relay
