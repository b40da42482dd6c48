#include "auth/credential_issuer.h"

#include <utility>

#include "auth/opaque_string.h"
#include "auth/timed_credential.h"

namespace auth {
namespace {

bool IsPart(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.find_first_not_of(kAllowed) == text.npos;
}

}  // namespace

base::Result<IssuedCredential> CredentialIssuer::Issue(std::string_view subject,
                                                       std::chrono::seconds ttl,
                                                       base::WallTime now) const {
  if (subject.empty()) return Sign("", ttl, now);
  const auto prepared = PrepareOpaqueString(subject);
  if (!prepared.ok()) return base::Error{"the user name " + prepared.error().message};
  return Sign(":" + prepared.value(), ttl, now);
}

base::Result<IssuedCredential> CredentialIssuer::Issue(const CredentialHolder& holder,
                                                       std::chrono::seconds ttl,
                                                       base::WallTime now) const {
  std::string rest = ":" + secret_.id;
  for (const auto& [separator, part] :
       {std::pair{'.', holder.tenant}, {'.', holder.subject_hash}, {':', holder.jti}}) {
    if (!IsPart(part)) {
      return base::Error{"a part of the user name is not made of letters, digits, '-' and '_'"};
    }
    rest += separator;
    rest += part;
  }
  return Sign(rest, ttl, now);
}

base::Result<IssuedCredential> CredentialIssuer::Sign(const std::string& rest,
                                                      std::chrono::seconds ttl,
                                                      base::WallTime now) const {
  constexpr std::size_t kMaxUsernameOctets = 508;
  const auto expires_at = std::chrono::floor<std::chrono::seconds>(now) + ttl;
  IssuedCredential issued;
  issued.expires_at = expires_at;
  issued.username = std::to_string(expires_at.time_since_epoch().count()) + rest;
  if (issued.username.size() > kMaxUsernameOctets) {
    return base::Error{"the user name is longer than a STUN message can carry"};
  }
  issued.password = TimedPassword(secret_.secret, issued.username);
  return issued;
}

}  // namespace auth
