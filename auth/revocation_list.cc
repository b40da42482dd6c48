#include "auth/revocation_list.h"

#include <algorithm>

#include "auth/timed_credential.h"

namespace auth {

RevocationList::RevocationList(const std::vector<Revocation>& revocations) {
  for (const Revocation& each : revocations) {
    Names& names = by_kind_[static_cast<std::size_t>(each.kind)];
    const auto [place, is_new] =
        names.try_emplace(each.value, Times{each.revoked_at, each.forget_at});
    if (is_new) continue;
    place->second.revoked_at = std::max(place->second.revoked_at, each.revoked_at);
    place->second.forget_at = std::max(place->second.forget_at, each.forget_at);
  }
}

const RevocationList::Times* RevocationList::Find(Revocation::Kind kind,
                                                  std::string_view value) const {
  const Names& names = by_kind_[static_cast<std::size_t>(kind)];
  if (names.empty()) return nullptr;
  const auto found = names.find(value);
  return found == names.end() ? nullptr : &found->second;
}

bool RevocationList::Covers(std::string_view username) const {
  using Kind = Revocation::Kind;
  if (Find(Kind::kUsername, username) != nullptr) return true;
  const auto parsed = ParseTimedUsername(username);
  if (!parsed) return false;
  const auto is_before = [&](const Times* times) {
    if (times == nullptr) return false;
    if (parsed->issued_at) return *parsed->issued_at <= times->revoked_at;
    return parsed->expires_at <= times->forget_at;
  };
  return is_before(Find(Kind::kSubject, parsed->subject)) ||
         (!parsed->tenant.empty() && is_before(Find(Kind::kTenant, parsed->tenant))) ||
         (!parsed->kid.empty() && Find(Kind::kKid, parsed->kid) != nullptr) ||
         (!parsed->jti.empty() && Find(Kind::kJti, parsed->jti) != nullptr);
}

}  // namespace auth
