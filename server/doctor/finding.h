#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay {

// How bad it is: a problem stops somebody from being served, now or soon; a warning costs speed,
// reach or safety.
enum class Severity : std::uint8_t { kFine, kWarning, kProblem };

// "fine", "warning", "problem".
std::string_view ToString(Severity severity);

// One thing that `doctor` has to say.
struct Finding {
  std::string area;  // one of a fixed set of words, such as "ports"; see docs/operations.md
  Severity severity = Severity::kFine;
  std::string what;    // one line, without a final stop
  std::string remedy;  // what to do, likewise; may be empty when nothing is wrong

  friend bool operator==(const Finding&, const Finding&) = default;
};

using Findings = std::vector<Finding>;

inline Finding Fine(std::string area, std::string what, std::string remedy = {}) {
  return {std::move(area), Severity::kFine, std::move(what), std::move(remedy)};
}
inline Finding Warning(std::string area, std::string what, std::string remedy) {
  return {std::move(area), Severity::kWarning, std::move(what), std::move(remedy)};
}
inline Finding Problem(std::string area, std::string what, std::string remedy) {
  return {std::move(area), Severity::kProblem, std::move(what), std::move(remedy)};
}

bool HasProblem(const Findings& findings);

// For people: the problems first, a line or two each, and a last line that counts.
std::string PrintFindingsText(const Findings& findings);
// {"findings": [{"area", "severity", "what", "remedy"}], "problems": N, "warnings": N}, in the
// order in which they were found.
std::string PrintFindingsJson(const Findings& findings);

}  // namespace relay
