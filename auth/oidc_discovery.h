#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace auth {

// Where an issuer says what it is (OpenID Connect Discovery 1.0 section 4).
std::string DiscoveryUrl(std::string_view issuer);

// Where its keys are, as its document says. nullopt: it is no such document, it is another
// issuer's, or the keys would not come by HTTPS.
std::optional<std::string> ReadJwksUri(std::string_view document, std::string_view issuer);

}  // namespace auth
