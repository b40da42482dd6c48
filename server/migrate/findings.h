#pragma once

#include <array>
#include <string>
#include <vector>

#include "server/migrate/conf_reader.h"
#include "server/migrate/migrate.h"

namespace relay {

// The parts of the configuration, in the order in which they are written.
enum class Section : unsigned char {
  kGeneral,
  kListeners,
  kTls,
  kRelay,
  kPeers,
  kAuth,
  kLimits,
  kLifetimes,
  kProtocol,
  kRedirect,
  kMetrics,
  kLog,
  kOperation,
};
inline constexpr std::size_t kSections = 13;

// Collects what there is to say about a translation, and where in the result it belongs.
class Findings {
 public:
  void Note(Section section, const ConfEntry& entry, std::string message);
  void Note(Section section, std::string message);  // about the file as a whole
  void Fail(const ConfEntry& entry, std::string message);
  void Fail(std::string message);

  const std::vector<MigrationNote>& NotesOf(Section section) const;
  std::vector<MigrationNote> AllNotes() const;  // by line
  std::vector<MigrationNote> Errors() const;    // by line

 private:
  std::array<std::vector<MigrationNote>, kSections> notes_;
  std::vector<MigrationNote> errors_;
};

}  // namespace relay
