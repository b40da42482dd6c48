#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/base/time.h"

// Text of strangers made safe to print. Control characters (C0, DEL, C1), line and paragraph
// separators, marks that turn the writing direction and octets that are not UTF-8 never reach the
// output as they are.
namespace relay {

// Values longer than this are cut, with "..." in place of the rest.
inline constexpr std::size_t kMaxLogValueBytes = 256;

// Appends `value` as it may stand in a text line: bare if it is one plain word, else in double
// quotes. \xNN is an octet that is not UTF-8, \u{N} a character that is not printed.
void AppendLogText(std::string& out, std::string_view value,
                   std::size_t max_bytes = kMaxLogValueBytes);

// Appends `value` as a JSON string with its quotes (RFC 8259). Octets that are not UTF-8 become
// U+FFFD.
void AppendJsonString(std::string& out, std::string_view value,
                      std::size_t max_bytes = kMaxLogValueBytes);

// "2026-11-20T18:00:00Z" (RFC 3339), in whole seconds.
std::string TimeText(base::WallTime time);

}  // namespace relay
