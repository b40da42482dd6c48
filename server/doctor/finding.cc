#include "server/doctor/finding.h"

#include <algorithm>
#include <boost/json.hpp>

namespace relay {
namespace {

std::size_t CountOf(const Findings& findings, Severity severity) {
  return static_cast<std::size_t>(std::ranges::count(findings, severity, &Finding::severity));
}

std::string Counted(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

// What others said (names in certificates, answers) may hold anything; terminals obey some of it.
void AppendPlain(const std::string& line, std::string& text) {
  for (const char each : line) text += each < ' ' || each > '~' ? '?' : each;
}

std::string Padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

}  // namespace

std::string_view ToString(Severity severity) {
  switch (severity) {
    case Severity::kProblem:
      return "problem";
    case Severity::kWarning:
      return "warning";
    case Severity::kFine:
      break;
  }
  return "fine";
}

bool HasProblem(const Findings& findings) { return CountOf(findings, Severity::kProblem) > 0; }

std::string PrintFindingsText(const Findings& findings) {
  constexpr std::size_t kSeverityWidth = 9;
  constexpr std::size_t kAreaWidth = 14;
  std::string text;
  for (const Severity severity : {Severity::kProblem, Severity::kWarning, Severity::kFine}) {
    for (const Finding& finding : findings) {
      if (finding.severity != severity) continue;
      text += Padded(std::string(ToString(severity)), kSeverityWidth);
      text += Padded(finding.area, kAreaWidth);
      AppendPlain(finding.what, text);
      text += '\n';
      if (finding.remedy.empty()) continue;
      text += std::string(kSeverityWidth + kAreaWidth, ' ') + "-> ";
      AppendPlain(finding.remedy, text);
      text += '\n';
    }
  }
  return text + Counted(CountOf(findings, Severity::kProblem), "problem") + ", " +
         Counted(CountOf(findings, Severity::kWarning), "warning") + ", " +
         std::to_string(CountOf(findings, Severity::kFine)) + " fine\n";
}

std::string PrintFindingsJson(const Findings& findings) {
  namespace json = boost::json;
  std::string text = "{\"findings\": [";
  const char* separator = "\n";
  for (const Finding& finding : findings) {
    json::object object;
    object["area"] = finding.area;
    object["severity"] = json::string(ToString(finding.severity));
    object["what"] = finding.what;
    object["remedy"] = finding.remedy;
    text += separator + ("  " + json::serialize(object));
    separator = ",\n";
  }
  text += "\n], \"problems\": " + std::to_string(CountOf(findings, Severity::kProblem));
  return text + ", \"warnings\": " + std::to_string(CountOf(findings, Severity::kWarning)) + "}\n";
}

}  // namespace relay
