#include "server/config/registry.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/base/ip_address.h"

namespace relay {
namespace {

constexpr std::string_view kRedis = "redis://";
constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kMaxSocketPath = 107;  // what the system can address
constexpr std::uint32_t kMaxDatabase = 65535;

base::Error Wrong(std::string_view what) { return base::Error{std::string(what)}; }

std::optional<std::uint32_t> ReadNumber(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number > most)
    return std::nullopt;
  return number;
}

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char each) {
    return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
           (each >= '0' && each <= '9') || each == '.' || each == '-' || each == '_';
  });
}

base::Result<RegistryUrl> ParseUnix(std::string_view rest) {
  RegistryUrl url;
  const std::size_t question = rest.find('?');
  url.socket_path = rest.substr(0, question);
  if (!url.socket_path.starts_with('/') || url.socket_path.size() < 2)
    return Wrong("needs the absolute path of a socket");
  if (url.socket_path.size() > kMaxSocketPath) return Wrong("has too long a path for a socket");
  std::string_view options = question == rest.npos ? "" : rest.substr(question + 1);
  while (!options.empty()) {
    const std::string_view option = options.substr(0, options.find('&'));
    options.remove_prefix(std::min(option.size() + 1, options.size()));
    const std::string_view value = option.substr(std::min(option.find('=') + 1, option.size()));
    if (option.starts_with("user=") && IsName(value)) {
      url.user = value;
    } else if (const auto number = ReadNumber(value, kMaxDatabase);
               option.starts_with("database=") && number) {
      url.database = *number;
    } else {
      return Wrong("can have a user and a database after its path, and nothing else");
    }
  }
  return url;
}

base::Result<RegistryUrl> ParseRedis(std::string_view rest) {
  RegistryUrl url;
  if (const std::size_t at = rest.rfind('@'); at != rest.npos) {
    const std::string_view user = rest.substr(0, at);
    if (user.find(':') != user.npos)
      return Wrong("must not hold a password: that belongs into fleet.password_file");
    if (!IsName(user)) return Wrong("names no user before its '@'");
    url.user = user;
    rest.remove_prefix(at + 1);
  }
  if (const std::size_t slash = rest.find('/'); slash != rest.npos) {
    const std::string_view number = rest.substr(slash + 1);
    const auto database = number.empty() ? 0 : ReadNumber(number, kMaxDatabase);
    if (!database) return Wrong("has no number of a database after its host");
    url.database = *database;
    rest = rest.substr(0, slash);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == rest.npos) return Wrong("has no ']' after its address");
    url.host = rest.substr(1, end - 1);
    if (!base::IpAddress::Parse(url.host)) return Wrong("has no address between its brackets");
    port = rest.substr(end + 1);
  } else {
    url.host = rest.substr(0, rest.find(':'));
    if (!IsName(url.host)) return Wrong("names no host");
    port = rest.substr(url.host.size());
  }
  if (port.empty()) return url;
  const auto number = port.starts_with(':') ? ReadNumber(port.substr(1), 65535) : std::nullopt;
  if (!number || *number == 0) return Wrong("has no port after its host");
  url.port = static_cast<std::uint16_t>(*number);
  return url;
}

}  // namespace

base::Result<RegistryUrl> ParseRegistryUrl(std::string_view text) {
  if (text.starts_with(kRedis)) return ParseRedis(text.substr(kRedis.size()));
  if (text.starts_with(kUnix)) return ParseUnix(text.substr(kUnix.size()));
  return Wrong("is not a registry");
}

}  // namespace relay
