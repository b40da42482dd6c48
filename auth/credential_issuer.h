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

// Makes TURN REST credentials: "expiry:subject" and the password that belongs to it. The server
// verifies them from the secret alone, so nothing is stored. Thread-safe.
class CredentialIssuer {
 public:
  // `secret` is the first of the key ring.
  explicit CredentialIssuer(SharedSecret secret) : secret_(std::move(secret)) {}

  // Fails if the subject cannot be prepared (OpaqueString) or if the name would be longer than 508
  // octets; an empty subject gives a name that is only an expiry.
  base::Result<IssuedCredential> Issue(std::string_view subject, std::chrono::seconds ttl,
                                       base::WallTime now) const;

 private:
  SharedSecret secret_;
};

}  // namespace auth
