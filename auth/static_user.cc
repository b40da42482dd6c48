#include "auth/static_user.h"

#include <algorithm>

#include "auth/opaque_string.h"
#include "protocol/stun/integrity.h"

namespace auth {
namespace {

// A client sends fewer than 509 octets (RFC 8489 section 14.3).
constexpr std::size_t kMaxUsernameOctets = 508;

base::Result<std::string> PrepareUsername(std::string_view username) {
  auto prepared = PrepareOpaqueString(username);
  if (!prepared.ok()) return base::Error{"the user name " + prepared.error().message};
  if (prepared.value().size() > kMaxUsernameOctets) {
    return base::Error{"the user name is longer than 508 octets"};
  }
  return prepared;
}

}  // namespace

base::Result<StaticUser> StaticUser::FromPassword(std::string_view username, std::string_view realm,
                                                  std::string_view password) {
  auto name = PrepareUsername(username);
  if (!name.ok()) return name.error();
  auto secret = PrepareOpaqueString(password);
  if (!secret.ok()) return base::Error{"the password " + secret.error().message};
  StaticUser user;
  user.username = std::move(name).value();
  user.md5_key = stun::LongTermKeyMd5(user.username, realm, secret.value());
  user.sha256_key = stun::LongTermKeySha256(user.username, realm, secret.value());
  std::string& text = secret.value();
  base::WipeMemory({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return user;
}

base::Result<StaticUser> StaticUser::FromKey(std::string_view username, std::string_view key_hex) {
  auto name = PrepareUsername(username);
  if (!name.ok()) return name.error();
  const auto key = base::HexDecode(key_hex);
  StaticUser user;
  user.username = std::move(name).value();
  if (key && key->size() == std::tuple_size_v<base::Md5Digest>) {
    std::ranges::copy(*key, user.md5_key.emplace().begin());
  } else if (key && key->size() == std::tuple_size_v<base::Sha256Digest>) {
    std::ranges::copy(*key, user.sha256_key.emplace().begin());
  } else {
    return base::Error{"the key is neither 32 nor 64 hexadecimal digits"};
  }
  return user;
}

}  // namespace auth
