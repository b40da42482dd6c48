#include "auth/subject_hash.h"

#include "protocol/base/crypto.h"

namespace auth {

std::string SubjectHash(std::string_view key, std::string_view tenant, std::string_view subject) {
  constexpr std::size_t kOctets = 16;
  // A tenant has no NUL, so that its end and the subject's beginning cannot be confused.
  const base::Sha256Digest digest = base::HmacSha256(
      base::AsBytes(key),
      {base::AsBytes(tenant), base::AsBytes(std::string_view("\0", 1)), base::AsBytes(subject)});
  return base::Base64UrlEncode(base::Bytes(digest).first(kOctets));
}

std::string SubjectKeyOf(std::string_view shared_secret) {
  const base::Sha256Digest key =
      base::HmacSha256(base::AsBytes(shared_secret), {base::AsBytes("senso-turn subject hash")});
  return {key.begin(), key.end()};
}

}  // namespace auth
