#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/crypto.h"
#include "protocol/base/time.h"
#include "protocol/stun/attributes.h"

namespace turn {

// One way in which a user name may be right. The password itself is not here (RFC 8656 section 6).
struct Credential {
  std::string username;
  // Whom quotas are charged to: many one-time user names may stand for one subject.
  std::string subject;
  std::string tenant;             // empty: none
  std::vector<std::uint8_t> key;  // long-term key of the algorithm that was asked for
  std::optional<base::WallTime> expires_at;
};

// Who may use the server. Implementations are immutable snapshots and thread-safe; a reload gives
// the engine a new one.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  // Appends every credential that the user name may stand for (a user, or one per shared secret),
  // expired ones too; none for an unknown name. `username` is any octets from the network.
  virtual void FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                              std::vector<Credential>& out) const = 0;
  // The same by USERHASH (RFC 8489 section 14.4). Names that are made up by timestamp cannot be
  // found this way.
  virtual void FindByUserhash(const base::Sha256Digest& userhash, stun::PasswordAlgorithm algorithm,
                              std::vector<Credential>& out) const = 0;
};

}  // namespace turn
