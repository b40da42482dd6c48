#pragma once

#include <string>
#include <string_view>

namespace auth {

// The 22 characters (base64url of 128 bits) that stand for a subject in user names: HMAC-SHA256
// under `key`, so that nobody without it learns from a user name who it belongs to, and always the
// same for one subject of one tenant. Any octets are taken.
std::string SubjectHash(std::string_view key, std::string_view tenant, std::string_view subject);

// The key for SubjectHash where none is configured, made from a shared secret. It changes with the
// secret, so that a user counts as another one after a rotation.
std::string SubjectKeyOf(std::string_view shared_secret);

}  // namespace auth
