#include "server/config/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <exception>
#include <optional>
#include <sstream>

namespace relay {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 100'000;  // aliases can blow a small file up

class Converter {
 public:
  Converter(const std::string& source, std::vector<Diagnostic>& errors)
      : source_(source), errors_(errors) {}

  Value Convert(const YAML::Node& node, int depth) {
    Value value;
    value.position = At(node.Mark());
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) {
      if (!is_too_large_) {
        errors_.push_back({source_, value.position.line, "",
                           "too many or too deeply nested values for a configuration"});
      }
      is_too_large_ = true;
      return value;
    }
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
      case YAML::NodeType::Scalar:
        value.kind = Value::Kind::kScalar;
        value.scalar = node.Scalar();
        break;
      case YAML::NodeType::Sequence:
        value.kind = Value::Kind::kList;
        for (const auto& item : node) {
          if (is_too_large_) break;
          value.items.push_back(Convert(item, depth + 1));
        }
        break;
      case YAML::NodeType::Map:
        value.kind = Value::Kind::kMap;
        for (const auto& member : node) {
          if (is_too_large_) break;
          ConvertMember(member.first, member.second, depth, value);
        }
        break;
    }
    return value;
  }

 private:
  void ConvertMember(const YAML::Node& key, const YAML::Node& content, int depth, Value& map) {
    Position position = At(key.Mark());
    if (!key.IsScalar()) {
      errors_.push_back({source_, position.line, "", "a key must be plain text"});
      return;
    }
    map.members.push_back({key.Scalar(), position, Convert(content, depth + 1)});
    // A value that was left out has no place of its own; the reader gives it that of what follows.
    Value& value = map.members.back().value;
    if (value.kind == Value::Kind::kNull) value.position = std::move(position);
  }

  Position At(const YAML::Mark& mark) const {
    return {source_, mark.is_null() ? 0 : mark.line + 1};
  }

  const std::string& source_;
  std::vector<Diagnostic>& errors_;
  int nodes_ = 0;
  bool is_too_large_ = false;
};

// Where a document begins, and nothing else of it.
class DocumentStarts final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { latest_line_ = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int latest_line() const { return latest_line_; }

 private:
  int latest_line_ = 0;
};

// The line at which a second document begins. It is looked for no further: the library never comes
// to an end of some texts that are not YAML (a comma before anything else).
std::optional<int> FindSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts) || !parser.HandleNextDocument(starts)) return std::nullopt;
  return starts.latest_line();
}

}  // namespace

Value ReadYaml(std::string_view text, const std::string& source, std::vector<Diagnostic>& errors) {
  if (text.size() > kMaxBytes) {
    errors.push_back({source, 0, "", "larger than a megabyte: this is not a configuration"});
    return {};
  }
  try {
    const std::string copy(text);
    if (const std::optional<int> line = FindSecondDocument(copy)) {
      errors.push_back(
          {source, *line, "", "a second YAML document begins here; a configuration has one"});
    }
    return Converter(source, errors).Convert(YAML::Load(copy), 0);
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
    errors.push_back({source, line, "", "not valid YAML: " + error.msg});
  } catch (const std::exception& error) {
    errors.push_back({source, 0, "", std::string("not valid YAML: ") + error.what()});
  }
  return {};
}

}  // namespace relay
