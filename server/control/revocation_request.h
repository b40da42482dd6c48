#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "auth/bearer_identity.h"
#include "auth/revocation.h"
#include "protocol/base/time.h"
#include "server/control/credential_settings.h"
#include "server/control/mint_request.h"

namespace relay {

// It is nothing that this administrator may revoke.
struct NotAllowed {};

using RevocationAnswer = std::variant<std::vector<auth::Revocation>, BadBody, NotAllowed>;

// The body of POST /v1/revocations: an object with exactly one of "subject", "tenant", "kid" and
// "jti", and beside a subject optionally the tenant that it belongs to, which otherwise is the
// administrator's. Unknown members are an error, since a slip of the pen must not look like
// success. One subject may be several revocations: one for each secret that its hash depends on.
RevocationAnswer ParseRevocation(std::string_view body, const auth::BearerIdentity& administrator,
                                 const CredentialSettings& settings, base::WallTime now);

// The user name of POST /v1/credentials/{username}/revoke, decoded.
RevocationAnswer RevocationOfUsername(std::string_view username,
                                      const auth::BearerIdentity& administrator,
                                      const CredentialSettings& settings, base::WallTime now);

}  // namespace relay
