#include "auth/credential_issuer.h"

#include "auth/opaque_string.h"
#include "auth/timed_credential.h"

namespace auth {

base::Result<IssuedCredential> CredentialIssuer::Issue(std::string_view subject,
                                                       std::chrono::seconds ttl,
                                                       base::WallTime now) const {
  constexpr std::size_t kMaxUsernameOctets = 508;
  const auto expires_at = std::chrono::floor<std::chrono::seconds>(now) + ttl;
  IssuedCredential issued;
  issued.expires_at = expires_at;
  issued.username = std::to_string(expires_at.time_since_epoch().count());
  if (!subject.empty()) {
    const auto prepared = PrepareOpaqueString(subject);
    if (!prepared.ok()) return base::Error{"the user name " + prepared.error().message};
    issued.username += ':' + prepared.value();
  }
  if (issued.username.size() > kMaxUsernameOctets) {
    return base::Error{"the user name is longer than a STUN message can carry"};
  }
  issued.password = TimedPassword(secret_.secret, issued.username);
  return issued;
}

}  // namespace auth
