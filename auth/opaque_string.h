#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace auth {

// Whether the octets are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing
// above U+10FFFF.
bool IsValidUtf8(std::string_view text);

// User names and passwords as the OpaqueString profile prepares them (RFC 8265 section 4.2), as far
// as that is possible without the tables of Unicode: spaces outside ASCII become U+0020; empty
// text, control characters (C0, DEL, C1), noncharacters and ill-formed UTF-8 are refused.
// Normalization form C is not applied: text must come in that form, as keyboards and browsers give
// it. The error is half a sentence that does not repeat the text: "is empty".
base::Result<std::string> PrepareOpaqueString(std::string_view text);

}  // namespace auth
