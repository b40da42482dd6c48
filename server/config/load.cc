#include "server/config/load.h"

#include <algorithm>
#include <filesystem>

#include "protocol/base/crypto.h"
#include "server/config/apply.h"
#include "server/config/fields.h"
#include "server/config/file_content.h"
#include "server/config/validate.h"
#include "server/config/yaml_reader.h"

namespace relay {
namespace {

constexpr std::size_t kMaxFileBytes = 4 << 20;  // the reader has a limit of its own, with a message

void SortByLine(std::vector<Diagnostic>& diagnostics) {
  std::ranges::stable_sort(diagnostics, {}, &Diagnostic::line);
}

}  // namespace

std::string Diagnostic::ToString() const {
  std::string text = source;
  if (line > 0) text += (text.empty() ? "line " : ":") + std::to_string(line);
  for (const std::string* part : {&key, &message}) {
    if (part->empty()) continue;
    if (!text.empty()) text += ": ";
    text += fields::Visible(*part);
  }
  return text;
}

LoadedConfig LoadConfigText(std::string_view text, const std::string& source,
                            const std::vector<std::string>& overrides, const std::string& directory,
                            CertificateNeed need) {
  Draft draft;
  draft.directory = directory;
  draft.makes_missing_certificates = need == CertificateNeed::kIsMadeIfMissing;
  // What is nowhere written is placed at the file as a whole.
  draft.MarkWritten("", {source, 0});
  Value root = ReadYaml(text, source, draft.errors);
  const bool is_yaml = draft.errors.empty();
  const bool is_empty = root.kind == Value::Kind::kNull;
  if (is_yaml) {
    for (const std::string& text_of_override : overrides) {
      ApplyOverride(text_of_override, root, draft);
    }
    ExpandEnvironment(root, draft);
    ApplySchema(root, draft);
    Validate(draft);
    CheckCertificates(draft, base::ReadClocks().wall);
    DeriveUsers(draft);
  }
  Wipe(root);
  SortByLine(draft.errors);
  SortByLine(draft.warnings);
  return {std::move(draft.config), std::move(draft.errors), std::move(draft.warnings), is_empty,
          std::move(draft.files)};
}

LoadedConfig LoadConfigFile(const std::string& path, const std::vector<std::string>& overrides) {
  auto content = ReadFileContent(path, kMaxFileBytes);
  if (!content.ok()) {
    LoadedConfig failed;
    failed.errors.push_back({path, 0, "", content.error().message});
    return failed;
  }
  LoadedConfig loaded = LoadConfigText(content.value(), path, overrides,
                                       std::filesystem::path(path).parent_path().string());
  std::string& text = content.value();
  base::WipeMemory({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return loaded;
}

}  // namespace relay
