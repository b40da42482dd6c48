#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string_view>

namespace auth {

// The object that a text from elsewhere is; nullopt: it is no JSON (RFC 8259), not an object, too
// deep (8 levels), or names a member of some object twice, so that two readers could see different
// things in it.
std::optional<boost::json::object> ParseStrictObject(std::string_view text);

// The member if it is a text; nullptr: it is missing or something else.
const boost::json::string* FindText(const boost::json::object& object, std::string_view name);

}  // namespace auth
