#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/draft.h"
#include "server/config/value.h"

namespace relay {

// One key of the configuration. Parsing, checking, overrides and docs/configuration.md all come
// from this table, so a new option is a new row and a member of Config.
struct Row {
  enum class Shape {
    kScalar,     // one value
    kStructure,  // a list of values or a map whose keys are values; parse() takes it whole
    kListOfMaps  // each item begins with append(); its keys are the rows "path[].name"
  };
  enum class Reload { kReloadable, kNeedsRestart };

  std::string path;  // "relay.ports.min"; "listeners[].port" is a key of the list's last item
  Shape shape = Shape::kScalar;
  std::string type;      // "duration", "port", "list of prefixes"
  std::string unit;      // "seconds", or empty
  std::string accepted;  // "64 to 65535", "udp, tcp": follows "accepted: "
  Reload reload = Reload::kReloadable;
  bool is_required = false;
  std::string doc;  // one line of Markdown

  // What is wrong with a value, as half a sentence: "'x' is not a port". For a part of it,
  // `key_suffix` says which: "[2]".
  struct Problem {
    std::string key_suffix;
    Position position;
    std::string text;
  };
  // Takes the value over as far as it is right. For kListOfMaps it is called once, before the
  // items.
  std::function<std::vector<Problem>(Draft&, const Value&)> parse;
  // The value as YAML that parse() takes, for the default in the documentation.
  std::function<std::string(const Draft&)> print;
  std::function<void(Draft&)> append;
  // Whether two finished configurations agree in it. Keys of a list's items are compared by the
  // list, as a whole.
  std::function<bool(const Draft&, const Draft&)> is_same;
};

// All rows, those of a section side by side, lists before their items' keys.
std::span<const Row> Schema();

// The row of a path in the spelling of Row::path; nullptr if there is none.
const Row* FindRow(std::string_view path);
// Whether some row lies below the path.
bool IsGroup(std::string_view path);

// What somebody who wrote `path` probably meant: the key whose name is closest, one beside it
// before one elsewhere.
std::string NearestKey(std::string_view path);

// The value that a key has when nobody writes it, as YAML; keys of list items have the one of a new
// item. "required" for those that must be written.
std::string DefaultText(const Row& row);

// The rows of one part of the configuration; Schema() puts them together.
void AppendServerRows(std::vector<Row>& rows);   // roles to metrics and logs
void AppendRelayRows(std::vector<Row>& rows);    // relay, peers, limits, lifetimes, protocol
void AppendAuthRows(std::vector<Row>& rows);     // auth
void AppendServiceRows(std::vector<Row>& rows);  // credentials, fleet

}  // namespace relay
