#include <map>
#include <string>

#include "protocol/base/crypto.h"
#include "server/config/fields.h"
#include "server/config/validate.h"

namespace relay {
namespace {

using fields::Quoted;

const std::string kSection = "auth.access_tokens";

std::string KeyItem(std::size_t index) { return kSection + ".keys[" + std::to_string(index) + "]"; }

void ValidateKeyText(Draft& draft, std::size_t index) {
  const std::string item = KeyItem(index);
  const bool has_text = draft.IsWritten(item + ".key");
  const bool has_file = draft.IsWritten(item + ".key_file");
  if (has_text == has_file) {
    draft.AddError(item, has_text ? "has both key and key_file"
                                  : "has neither key nor key_file; one is needed");
    return;
  }
  const Config::AccessTokenKey& key = draft.config.auth.access_tokens.keys[index];
  const std::size_t wanted_octets = key.algorithm == "A128GCM" ? 16 : 32;
  const auto octets = base::Base64Decode(key.key_base64);
  if (octets && octets->size() == wanted_octets) return;
  draft.AddError(item + (has_text ? ".key" : ".key_file"),
                 "does not fit the algorithm; accepted: base64 of " +
                     std::to_string(wanted_octets) + " octets for " + key.algorithm);
}

void ValidateKeys(Draft& draft) {
  const auto& keys = draft.config.auth.access_tokens.keys;
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (draft.HasError(KeyItem(i))) continue;
    ValidateKeyText(draft, i);
    const auto [first, is_new] = seen.try_emplace(keys[i].kid, i);
    if (!is_new) {
      draft.AddError(KeyItem(i) + ".kid",
                     Quoted(keys[i].kid) + " is also the name of " + KeyItem(first->second));
    }
  }
}

// The attribute shares the room of the realm (see docs/security.md, "Amplification").
void ValidateNameLength(Draft& draft) {
  constexpr std::size_t kRoomBytes = 60;
  constexpr std::size_t kHeaderBytes = 4;
  const auto padded = [](std::size_t bytes) { return (bytes + 3) / 4 * 4; };
  const std::size_t realm_bytes = padded(draft.config.realm.size());
  const std::size_t name_bytes = padded(draft.config.auth.access_tokens.server_name.size());
  if (realm_bytes > kRoomBytes || realm_bytes + kHeaderBytes + name_bytes <= kRoomBytes) return;
  draft.AddWarning(kSection + ".server_name",
                   "is so long that, with the realm, strangers may get answers of more than five "
                   "times what they send; together they should have at most 56 octets");
}

}  // namespace

void ValidateAccessTokens(Draft& draft) {
  if (!draft.IsWritten(kSection)) return;
  ValidateKeys(draft);
  if (draft.HasError(kSection)) return;
  const Config::AccessTokens& tokens = draft.config.auth.access_tokens;
  if (tokens.server_name.empty() != tokens.keys.empty()) {
    draft.AddError(kSection, tokens.keys.empty()
                                 ? "has a server_name and no keys, so that no token could be opened"
                                 : "has keys and no server_name, for which tokens are sealed");
    return;
  }
  if (!tokens.keys.empty()) ValidateNameLength(draft);
}

}  // namespace relay
