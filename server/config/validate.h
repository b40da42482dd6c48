#pragma once

#include "protocol/base/time.h"
#include "server/config/draft.h"

namespace relay {

// What only several keys together can get wrong, and what is allowed but unwise. Keys that are
// wrong in themselves are left alone, so that one mistake is one error.
void Validate(Draft& draft);

// Puts relative paths of tls.certificates behind the configuration's folder and loads every pair:
// what is wrong with a file is an error at its key, what will soon be wrong a warning. `now` is
// what expiry is compared with.
void CheckCertificates(Draft& draft, base::WallTime now);

// Whether the names and keys of access tokens fit together, and how large they make challenges.
void ValidateAccessTokens(Draft& draft);

// Whether this process has what its roles need, and the credential service what it is to give.
void ValidateServices(Draft& draft);

// Derives the users' keys and wipes their passwords. The realm must be final.
void DeriveUsers(Draft& draft);

}  // namespace relay
