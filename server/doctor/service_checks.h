#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/config.h"
#include "server/doctor/finding.h"

namespace relay {

// What came of asking somebody whom the server depends on.
struct ServiceFacts {
  enum class Kind : std::uint8_t { kRegistry, kIssuer };
  Kind kind = Kind::kRegistry;
  std::string name;     // for people
  std::string trouble;  // empty: none
  // How far its clock is ahead of ours, if it said.
  std::optional<std::chrono::seconds> clock_ahead;
};

// Asks every registry and every issuer that has a name of its own, all at once; takes a few seconds
// at most. Fails when it cannot even begin.
base::Result<std::vector<ServiceFacts>> AskServices(const Config& config);

// Areas "registry" and "issuer". Pure.
Finding CheckService(const ServiceFacts& facts);

}  // namespace relay
