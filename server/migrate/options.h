#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "server/migrate/coturn_settings.h"
#include "server/migrate/findings.h"

namespace relay {

// What becomes of an option.
enum class Fate : unsigned char {
  kTaken,    // there is an equivalent, perhaps not of every value
  kAlready,  // what it asks for is always so here: nothing to do, nothing to say
  kNone,     // there is nothing like it: a note
};

// What an option of coturn takes.
enum class Takes : unsigned char { kFlag, kValue, kValueOrNothing };

// A row per option of coturn 4.6 to 4.17, aliases included.
struct CoturnOption {
  std::string_view name;
  Takes takes;
  Section section;
  Fate fate;
  std::string_view here;  // for kTaken: the key; for documents
  std::string_view
      remark;  // for kNone: the note, one sentence without a final stop; else for documents
  // For kTaken. The value is there if it has to be; a flag that is off does not come here.
  void (*apply)(const ConfEntry& entry, CoturnSettings& settings, Findings& findings) = nullptr;
  bool hears_off = false;  // a flag that says something by being off, too
};

std::span<const CoturnOption> NetworkOptions();
std::span<const CoturnOption> AuthOptions();
std::span<const CoturnOption> ServiceOptions();

// All of them.
std::vector<const CoturnOption*> CoturnOptions();

// nullptr: coturn has no such option.
const CoturnOption* FindCoturnOption(std::string_view name);

// The option whose name is most like it.
const CoturnOption& NearestCoturnOption(std::string_view name);

}  // namespace relay
