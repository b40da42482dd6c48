#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace auth {

// Where an issuer says what it is (OpenID Connect Discovery 1.0 section 4).
std::string DiscoveryUrl(std::string_view issuer);

// Whether an issuer is configured by its name, and may keep its keys anywhere, or is one of a
// suffix, and whoever owns one label of it must not make us fetch from elsewhere.
enum class IssuerKind : std::uint8_t { kListed, kOfSuffix };

// Where its keys are, as its document says. nullopt: it is no such document, it is another
// issuer's, the keys would not come by HTTPS, or not from under the suffix.
std::optional<std::string> ReadJwksUri(std::string_view document, std::string_view issuer,
                                       IssuerKind kind);

}  // namespace auth
