#include "auth/revocation_book.h"

#include <algorithm>
#include <utility>

namespace auth {

RevocationBook::Outcome RevocationBook::Add(Revocation revocation, base::WallTime now) {
  if (revocation.value.empty() || revocation.value.size() > kMaxValueOctets)
    return Outcome::kInvalid;
  // A clock that is ahead must not take the rights of credentials that are yet to be issued.
  revocation.revoked_at = std::min(revocation.revoked_at, now);
  revocation.forget_at = std::min<base::WallTime>(revocation.forget_at, now + kMaxRemembered);
  if (revocation.forget_at <= now) return Outcome::kOver;
  Key key = KeyOf(revocation);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    Revocation& known = found->second;
    const bool is_stricter =
        revocation.revoked_at > known.revoked_at || revocation.forget_at > known.forget_at;
    known.revoked_at = std::max(known.revoked_at, revocation.revoked_at);
    known.forget_at = std::max(known.forget_at, revocation.forget_at);
    return is_stricter ? Outcome::kAdded : Outcome::kKnown;
  }
  if (entries_.size() >= kMaxRevocations) return Outcome::kFull;
  entries_.emplace(std::move(key), std::move(revocation));
  return Outcome::kAdded;
}

bool RevocationBook::Forget(base::WallTime now) {
  return std::erase_if(entries_,
                       [now](const auto& each) { return each.second.forget_at <= now; }) != 0;
}

std::vector<Revocation> RevocationBook::List() const {
  std::vector<Revocation> list;
  list.reserve(entries_.size());
  for (const auto& [key, revocation] : entries_) list.push_back(revocation);
  return list;
}

const Revocation* RevocationBook::Find(const Key& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<base::WallTime> RevocationBook::OldestRevokedAt() const {
  std::optional<base::WallTime> oldest;
  for (const auto& [key, revocation] : entries_) {
    if (!oldest || revocation.revoked_at < *oldest) oldest = revocation.revoked_at;
  }
  return oldest;
}

}  // namespace auth
