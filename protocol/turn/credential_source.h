#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/crypto.h"
#include "protocol/base/time.h"
#include "protocol/stun/attributes.h"
#include "protocol/turn/token_validity.h"

namespace turn {

// One way in which a user name may be right. The password itself is not here (RFC 8656 section 6).
struct Credential {
  std::string username;
  // Whom quotas are charged to: many one-time user names may stand for one subject.
  std::string subject;
  std::string tenant;  // empty: none
  // Long-term key of the algorithm that was asked for, or the mac_key of the access token.
  std::vector<std::uint8_t> key;
  std::optional<base::WallTime> expires_at;
  // Only with a credential from an access token (RFC 7635). `username` names the authorization
  // server's key then, and the token is its own subject: nothing in it says whose it is.
  std::optional<TokenValidity> token = std::nullopt;
  // For strangers who test: reaches no peer but this server's own relays, over UDP, at low limits,
  // and nothing made with it outlives `expires_at`, which it has.
  bool relays_only = false;
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

  // The name under which authorization servers know this server, for THIRD-PARTY-AUTHORIZATION (RFC
  // 7635 section 6.1); empty: access tokens are not taken. Valid as long as the object.
  virtual std::string_view token_server_name() const = 0;
  // What the value of ACCESS-TOKEN holds, opened with the key that USERNAME names, valid now or
  // not. nullopt: the key is unknown, or the token is forged, for another server, or malformed.
  // Arguments are any octets from the network.
  virtual std::optional<Credential> OpenAccessToken(std::string_view kid,
                                                    base::Bytes token) const = 0;
};

}  // namespace turn
