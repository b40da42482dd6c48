#include "protocol/base/crypto.h"
#include "server/config/validate.h"

namespace relay {
namespace {

void AddKey(Draft& draft, auth::StaticUser& user, const std::string& key_hex,
            const std::string& key) {
  auto parsed = auth::StaticUser::FromKey(user.username, key_hex);
  if (!parsed.ok()) {
    draft.AddError(key, parsed.error().message);
    return;
  }
  if (parsed.value().md5_key) user.md5_key = parsed.value().md5_key;
  if (parsed.value().sha256_key) user.sha256_key = parsed.value().sha256_key;
}

}  // namespace

void DeriveUsers(Draft& draft) {
  for (std::size_t i = 0; i < draft.users.size(); ++i) {
    UserDraft& written = draft.users[i];
    const std::string key = "auth.users[" + std::to_string(i) + "]";
    if (draft.HasError(key)) continue;
    if (written.keys_hex.empty()) {
      auto user =
          auth::StaticUser::FromPassword(written.username, draft.config.realm, written.password);
      if (user.ok()) {
        draft.config.auth.users.push_back(std::move(user).value());
      } else {
        draft.AddError(key, user.error().message);
      }
    } else {
      auto first = auth::StaticUser::FromKey(written.username, written.keys_hex.front());
      if (!first.ok()) {
        draft.AddError(key, first.error().message);
        continue;
      }
      auth::StaticUser user = std::move(first).value();
      for (const std::string& key_hex : written.keys_hex)
        AddKey(draft, user, key_hex, key + ".key");
      if (!user.sha256_key && draft.config.protocol.password_algorithms) {
        draft.AddWarning(
            key + ".key",
            "only an MD5 key: clients that choose SHA-256 (RFC 8489) cannot log in as "
            "this user; add the SHA-256 key or switch protocol.password_algorithms off");
      }
      if (!user.md5_key) {
        draft.AddWarning(key + ".key",
                         "only a SHA-256 key: clients older than RFC 8489 cannot log in as this "
                         "user");
      }
      draft.config.auth.users.push_back(std::move(user));
    }
  }
  for (UserDraft& user : draft.users) {
    base::WipeMemory({reinterpret_cast<std::uint8_t*>(user.password.data()), user.password.size()});
  }
  draft.users.clear();
}

}  // namespace relay
