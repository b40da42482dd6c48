#include "auth/timed_credential.h"

#include <charconv>

#include "protocol/base/crypto.h"

namespace auth {
namespace {

// 99999999999 is the year 5138: whatever is longer is no expiry but an accident, such as
// milliseconds with digits to spare, and must not overflow a clock.
constexpr std::size_t kMaxExpiryDigits = 11;

// The whole of `digits` as seconds since 1970, if a clock can have them.
std::optional<base::WallTime> ParseSeconds(std::string_view digits) {
  if (digits.empty() || digits.size() > kMaxExpiryDigits ||
      digits.find_first_not_of("0123456789") != digits.npos) {
    return std::nullopt;
  }
  std::int64_t seconds = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  // system_clock counts nanoseconds in 64 bits, which end in the year 2262.
  constexpr std::int64_t kMaxSeconds =
      std::chrono::duration_cast<std::chrono::seconds>(base::WallTime::max().time_since_epoch())
          .count();
  if (seconds > kMaxSeconds) return std::nullopt;
  return base::WallTime(std::chrono::seconds(seconds));
}

// `rest` of the form kid.tenant.subject-hash:jti.
void ParseStructuredRest(std::string_view rest, TimedUsername& parsed) {
  const std::size_t colon = rest.find(':');
  if (colon == rest.npos || colon + 1 == rest.size() || rest.find(':', colon + 1) != rest.npos) {
    return;
  }
  const std::string_view dotted = rest.substr(0, colon);
  const std::size_t first = dotted.find('.');
  if (first == dotted.npos) return;
  const std::size_t second = dotted.find('.', first + 1);
  if (second == dotted.npos || dotted.find('.', second + 1) != dotted.npos) return;
  const std::string_view kid = dotted.substr(0, first);
  const std::string_view tenant = dotted.substr(first + 1, second - first - 1);
  const bool is_complete = !kid.empty() && !tenant.empty() && second + 1 < dotted.size();
  if (!is_complete) return;
  parsed.kid = kid;
  parsed.tenant = tenant;
  parsed.subject = dotted.substr(first + 1);
  parsed.jti = rest.substr(colon + 1);
  if (const std::size_t hyphen = parsed.jti.find('-'); hyphen != parsed.jti.npos)
    parsed.issued_at = ParseSeconds(parsed.jti.substr(0, hyphen));
}

}  // namespace

std::optional<TimedUsername> ParseTimedUsername(std::string_view username) {
  const std::string_view digits = username.substr(0, username.find(':'));
  const std::optional<base::WallTime> expires_at = ParseSeconds(digits);
  if (!expires_at) return std::nullopt;

  TimedUsername parsed;
  parsed.expires_at = *expires_at;
  parsed.subject = digits;
  if (digits.size() + 1 < username.size()) {
    const std::string_view rest = username.substr(digits.size() + 1);
    parsed.subject = rest;
    ParseStructuredRest(rest, parsed);
  }
  return parsed;
}

std::string TimedPassword(std::string_view secret, std::string_view username) {
  return base::Base64Encode(base::HmacSha1(base::AsBytes(secret), {base::AsBytes(username)}));
}

}  // namespace auth
