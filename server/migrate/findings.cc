#include "server/migrate/findings.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

std::vector<MigrationNote> ByLine(std::vector<MigrationNote> notes) {
  std::ranges::stable_sort(notes, {}, &MigrationNote::line);
  return notes;
}

}  // namespace

std::string MigrationNote::ToString(const std::string& source) const {
  std::string text = source;
  if (line > 0) text += ":" + std::to_string(line);
  if (!option.empty()) text += ": " + option;
  return text + ": " + message;
}

void Findings::Note(Section section, const ConfEntry& entry, std::string message) {
  notes_[static_cast<std::size_t>(section)].push_back({entry.line, entry.name, std::move(message)});
}

void Findings::Note(Section section, std::string message) {
  notes_[static_cast<std::size_t>(section)].push_back({0, "", std::move(message)});
}

void Findings::Fail(const ConfEntry& entry, std::string message) {
  errors_.push_back({entry.line, entry.name, std::move(message)});
}

void Findings::Fail(std::string message) { errors_.push_back({0, "", std::move(message)}); }

const std::vector<MigrationNote>& Findings::NotesOf(Section section) const {
  return notes_[static_cast<std::size_t>(section)];
}

std::vector<MigrationNote> Findings::AllNotes() const {
  std::vector<MigrationNote> all;
  for (const auto& notes : notes_) all.insert(all.end(), notes.begin(), notes.end());
  return ByLine(std::move(all));
}

std::vector<MigrationNote> Findings::Errors() const { return ByLine(errors_); }

}  // namespace relay
