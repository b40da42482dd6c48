#include "bench/loadgen/credentials.h"

#include <chrono>

#include "protocol/stun/integrity.h"

namespace loadgen {

Credentials::Credentials(const Options& options, base::WallTime now) : keys_(options.users) {
  if (options.secret.empty()) {
    users_.push_back({options.user, options.password});
    return;
  }
  const auto expiry = std::chrono::floor<std::chrono::seconds>(now) + std::chrono::hours(24);
  const std::string prefix = std::to_string(expiry.time_since_epoch().count()) + ":" + options.name;
  for (std::uint32_t i = 0; i < options.users; ++i) {
    const std::string name = options.users == 1 ? prefix : prefix + "-" + std::to_string(i);
    const base::Sha1Digest code =
        base::HmacSha1(base::AsBytes(options.secret), {base::AsBytes(name)});
    users_.push_back({name, base::Base64Encode(code)});
  }
}

void Credentials::SetRealm(std::string_view realm) {
  if (realm == realm_) return;
  realm_ = realm;
  for (std::size_t i = 0; i < users_.size(); ++i) {
    keys_[i] = stun::LongTermKeyMd5(users_[i].name, realm_, users_[i].password);
  }
}

}  // namespace loadgen
