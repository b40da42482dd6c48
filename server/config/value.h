#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relay {

// Where something was written: a line of a file, or an override of the command line.
struct Position {
  std::string source;
  int line = 0;  // from 1; 0: none
};

// A configuration as it was written, before the schema gives it a meaning. Keys are in their order
// of appearance, repeated ones included.
struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Member;

  Kind kind = Kind::kNull;
  std::string scalar;
  std::vector<Value> items;
  std::vector<Member> members;
  Position position;

  // The first member of that name; nullptr if there is none or if this is no map.
  Value* Find(std::string_view name);
  const Value* Find(std::string_view name) const;
};

struct Value::Member {
  std::string name;
  Position position;
  Value value;
};

// "a map", "a list", "text", "nothing": for messages.
std::string_view KindName(Value::Kind kind);

// Overwrites every scalar, since some are passwords.
void Wipe(Value& value);

}  // namespace relay
