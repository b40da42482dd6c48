#include "auth/jwks_cache.h"

#include <algorithm>
#include <utility>

namespace auth {

JwksCache::Answer JwksCache::Find(const UncheckedBearer& bearer, base::MonotonicTime now) {
  Entry* entry = FindOrAdd(bearer.issuer, now);
  if (entry == nullptr) return {};
  entry->used_at = now;
  const bool is_usable = entry->HasUsableKeys(now);
  if (is_usable && (entry->keys->HasKeyFor(bearer.kid, bearer.algorithm) ||
                    (bearer.kid && entry->keys->HasKid(*bearer.kid)))) {
    return {Advice::kJudge, entry->keys};
  }
  if (entry->is_fetching) return {Advice::kWait, nullptr};
  if (MayFetch(*entry, bearer.is_listed, now)) {
    if (is_usable) entry->unknown_kid_at = now;
    return {Advice::kFetch, nullptr};
  }
  if (is_usable) return {Advice::kJudge, entry->keys};
  return {};
}

void JwksCache::BeginFetch(const std::string& issuer, base::MonotonicTime now) {
  Entry* entry = FindOrAdd(issuer, now);
  if (entry == nullptr || entry->is_fetching) return;
  entry->is_fetching = true;
  entry->attempted_at = now;
  ++fetches_;
}

void JwksCache::EndFetch(const std::string& issuer, std::optional<JwkSet> keys,
                         std::optional<std::chrono::seconds> max_age, base::MonotonicTime now) {
  const auto found = entries_.find(issuer);
  if (found == entries_.end() || !found->second.is_fetching) return;
  Entry& entry = found->second;
  entry.is_fetching = false;
  --fetches_;
  if (!keys) return;
  entry.keys = std::make_shared<const JwkSet>(*std::move(keys));
  entry.fetched_at = now;
  entry.age = std::clamp<std::chrono::nanoseconds>(max_age.value_or(kDefaultAge), kMinAge, kMaxAge);
}

std::vector<std::string> JwksCache::DueForRefresh(base::MonotonicTime now) const {
  std::vector<std::string> due;
  for (const auto& [issuer, entry] : entries_) {
    if (entry.keys == nullptr || entry.is_fetching || entry.IsIdle(now) ||
        now < *entry.attempted_at + kRefreshInterval) {
      continue;
    }
    if (now >= entry.fetched_at + entry.age * 4 / 5) due.push_back(issuer);
    if (fetches_ + due.size() >= kMaxFetches) break;
  }
  return due;
}

void JwksCache::Retain(const std::function<bool(const std::string&)>& is_known) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (is_known(entry->first)) {
      ++entry;
      continue;
    }
    if (entry->second.is_fetching) --fetches_;
    entry = entries_.erase(entry);
  }
}

void JwksCache::AbandonFetches() {
  for (auto& [issuer, entry] : entries_) entry.is_fetching = false;
  fetches_ = 0;
}

std::shared_ptr<const JwkSet> JwksCache::KeysOf(const std::string& issuer,
                                                base::MonotonicTime now) const {
  const auto found = entries_.find(issuer);
  if (found == entries_.end() || !found->second.HasUsableKeys(now)) return nullptr;
  return found->second.keys;
}

std::size_t JwksCache::StaleCount(base::MonotonicTime now) const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [&](const auto& one) {
    const Entry& entry = one.second;
    return entry.HasUsableKeys(now) && !entry.IsIdle(now) && now >= entry.fetched_at + entry.age;
  }));
}

std::optional<base::MonotonicTime> JwksCache::OldestFetch(base::MonotonicTime now) const {
  std::optional<base::MonotonicTime> oldest;
  for (const auto& [issuer, entry] : entries_) {
    if (!entry.HasUsableKeys(now) || entry.IsIdle(now)) continue;
    if (!oldest || entry.fetched_at < *oldest) oldest = entry.fetched_at;
  }
  return oldest;
}

JwksCache::Entry* JwksCache::FindOrAdd(const std::string& issuer, base::MonotonicTime now) {
  const auto found = entries_.find(issuer);
  if (found != entries_.end()) return &found->second;
  if (entries_.size() >= kMaxIssuers && !MakeRoom(now)) return nullptr;
  Entry& entry = entries_[issuer];
  entry.used_at = now;
  return &entry;
}

// Forgets the issuer that was asked for the longest time ago, of those without keys if there are
// any: who makes issuers up pushes out none that are real.
bool JwksCache::MakeRoom(base::MonotonicTime now) {
  auto oldest = entries_.end();
  bool oldest_has_keys = true;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.is_fetching) continue;
    const bool has_keys = entry->second.HasUsableKeys(now);
    if (oldest == entries_.end() || (oldest_has_keys && !has_keys) ||
        (oldest_has_keys == has_keys && entry->second.used_at < oldest->second.used_at)) {
      oldest = entry;
      oldest_has_keys = has_keys;
    }
  }
  if (oldest == entries_.end()) return false;
  entries_.erase(oldest);
  return true;
}

bool JwksCache::MayFetch(const Entry& entry, bool is_listed, base::MonotonicTime now) {
  if (fetches_ >= kMaxFetches) return false;
  if (entry.HasUsableKeys(now))
    return !entry.unknown_kid_at || now >= *entry.unknown_kid_at + kUnknownKidInterval;
  if (entry.attempted_at && now < *entry.attempted_at + kRetryInterval) return false;
  return is_listed || entry.keys != nullptr || TakeFirstFetch(now);
}

bool JwksCache::TakeFirstFetch(base::MonotonicTime now) {
  const std::chrono::duration<double> passed = now - first_fetches_at_;
  first_fetches_left_ = std::min(kFirstFetchBurst, first_fetches_left_ + passed.count());
  first_fetches_at_ = now;
  if (first_fetches_left_ < 1) return false;
  first_fetches_left_ -= 1;
  return true;
}

}  // namespace auth
