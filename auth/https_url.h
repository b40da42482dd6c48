#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace auth {

inline constexpr std::string_view kHttps = "https://";
inline constexpr std::size_t kMaxUrlBytes = 2048;

// What an https URL without user information, query and fragment is made of.
struct HttpsUrl {
  std::string_view host;  // a DNS name in lower case, or an IPv4 address
  std::string_view port;  // empty: 443
  std::string_view path;  // with its slash, or empty
};

// The parts are views of `url`. nullopt: not https, or with anything that two programs could read
// differently: capitals or a final dot in the host, user information, escapes, white space.
std::optional<HttpsUrl> ParseHttpsUrl(std::string_view url);

// What stands before a suffix, and a tenant: 1 to 63 of a-z, 0-9 and '-', no '-' at either end.
bool IsHostLabel(std::string_view text);

}  // namespace auth
