#pragma once

#include <cstdint>
#include <optional>

#include "server/migrate/coturn_settings.h"
#include "server/migrate/findings.h"
#include "server/migrate/values.h"

// What most options do: they set one member. For CoturnOption::apply.
namespace relay {

template <bool CoturnSettings::*Member>
void SetFlag(const ConfEntry&, CoturnSettings& settings, Findings&) {
  settings.*Member = true;
}

template <std::optional<ConfEntry> CoturnSettings::*Member>
void SetEntry(const ConfEntry& entry, CoturnSettings& settings, Findings&) {
  settings.*Member = entry;
}

template <std::optional<std::uint64_t> CoturnSettings::*Member>
void SetNumber(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) {
  settings.*Member = ReadNumber(entry, findings);
}

}  // namespace relay
