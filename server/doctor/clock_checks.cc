#include "server/doctor/clock_checks.h"

#include <sys/timex.h>

#include <cstdlib>

namespace relay {
namespace {

// Date headers are whole seconds and answers take a moment; tokens commonly grant a minute.
constexpr std::chrono::seconds kUnremarkable{5};
constexpr std::chrono::seconds kHarmless{30};

}  // namespace

bool IsClockSynchronised() {
  timex state{};
  return ::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

Findings CheckClock(const ClockFacts& facts) {
  constexpr const char* kRemedy = "run chrony, systemd-timesyncd or ntpd on both hosts";
  Findings findings;
  for (const ClockFacts::Reading& reading : facts.readings) {
    const auto difference = std::chrono::seconds(std::abs(reading.ahead.count()));
    const std::string what = "the clock is " + std::to_string(difference.count()) + " s " +
                             (reading.ahead.count() > 0 ? "behind" : "ahead of") + " that of " +
                             reading.source;
    if (difference > kHarmless) {
      findings.push_back(Problem(
          "clock", what + ": credentials and tokens are refused, or last too long", kRemedy));
    } else if (difference > kUnremarkable) {
      findings.push_back(Warning("clock", what, kRemedy));
    } else {
      findings.push_back(Fine("clock", "the clock agrees with that of " + reading.source));
    }
  }
  findings.push_back(facts.is_synchronised
                         ? Fine("clock", "the kernel's clock is synchronised")
                         : Warning("clock",
                                   "nothing that the kernel knows of keeps the clock right",
                                   "run chrony, systemd-timesyncd or ntpd"));
  return findings;
}

}  // namespace relay
