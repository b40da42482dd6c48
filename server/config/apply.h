#pragma once

#include "server/config/draft.h"
#include "server/config/value.h"

namespace relay {

// Replaces ${NAME} in every value by the environment variable, "$${" by "${". A variable that is
// not set is an error of the draft.
void ExpandEnvironment(Value& root, Draft& draft);

// Puts an override ("key.path=value", lists by position: "listeners[0].port=3478") into the tree,
// in place of what stood there.
void ApplyOverride(std::string_view text, Value& root, Draft& draft);

// Takes every value over into the draft by the schema. Unknown, repeated and missing keys and
// values of the wrong form are errors of the draft; the rest of the tree is still looked at.
void ApplySchema(const Value& root, Draft& draft);

}  // namespace relay
