#include "auth/https_url.h"

#include <algorithm>

namespace auth {
namespace {

constexpr std::size_t kMaxHostBytes = 253;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || IsDigit(c); }

bool IsHost(std::string_view host) {
  if (host.size() > kMaxHostBytes) return false;
  while (true) {
    const std::size_t dot = host.find('.');
    if (!IsHostLabel(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool IsPort(std::string_view port) {
  return !port.empty() && port.size() <= 5 && port.front() != '0' &&
         std::ranges::all_of(port, IsDigit);
}

bool IsPath(std::string_view path) {
  return std::ranges::all_of(path, [](char c) {
    return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') ||
           std::string_view("/-._~").find(c) != std::string_view::npos;
  });
}

}  // namespace

bool IsHostLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

std::optional<HttpsUrl> ParseHttpsUrl(std::string_view url) {
  if (url.size() > kMaxUrlBytes || !url.starts_with(kHttps)) return std::nullopt;
  url.remove_prefix(kHttps.size());
  const std::string_view authority = url.substr(0, url.find('/'));
  const std::size_t colon = authority.find(':');
  HttpsUrl parts{authority.substr(0, colon), {}, url.substr(authority.size())};
  if (colon != std::string_view::npos) {
    parts.port = authority.substr(colon + 1);
    if (!IsPort(parts.port)) return std::nullopt;
  }
  if (!IsHost(parts.host) || !IsPath(parts.path)) return std::nullopt;
  return parts;
}

}  // namespace auth
