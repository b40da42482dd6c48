#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "auth/shared_secret.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"

namespace auth {

// What a client needs in order to use the relay.
struct IssuedCredential {
  std::string username;
  std::string password;
  base::WallTime expires_at;
};

// For whom a credential of the second form is made; the parts of its user name.
struct CredentialHolder {
  std::string_view tenant;        // 1 to 64 letters, digits, '-' and '_'
  std::string_view subject_hash;  // subject_hash.h
  std::string_view jti;           // this credential's own name
};

// Makes TURN REST credentials: a user name that begins with its expiry, and the password that
// belongs to it. The server verifies them from the secret alone, so nothing is stored. Thread-safe.
class CredentialIssuer {
 public:
  // `secret` is the first of the key ring.
  explicit CredentialIssuer(SharedSecret secret) : secret_(std::move(secret)) {}

  // "expiry:subject". Fails if the subject cannot be prepared (OpaqueString) or if the name would
  // be longer than 508 octets; an empty subject gives a name that is only an expiry.
  base::Result<IssuedCredential> Issue(std::string_view subject, std::chrono::seconds ttl,
                                       base::WallTime now) const;

  // "expiry:kid.tenant.subject-hash:jti". Fails if a part is empty or has a character that would
  // make another name of it, or if the name would be longer than 508 octets.
  base::Result<IssuedCredential> Issue(const CredentialHolder& holder, std::chrono::seconds ttl,
                                       base::WallTime now) const;

 private:
  base::Result<IssuedCredential> Sign(const std::string& rest, std::chrono::seconds ttl,
                                      base::WallTime now) const;

  SharedSecret secret_;
};

}  // namespace auth
