#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/bearer_verifier.h"
#include "auth/jwk_set.h"
#include "protocol/base/time.h"

namespace auth {

// The keys of issuers, and when to fetch them. Sans-IO: whoever asks fetches, and says so. Keys of
// one issuer are never anybody else's. One thread.
class JwksCache {
 public:
  static constexpr std::size_t kMaxIssuers = 1000;
  static constexpr std::size_t kMaxFetches = 16;  // at a time
  // Of issuers without keys that are known by a suffix only, and may be made up: in a row; then one
  // every second.
  static constexpr double kFirstFetchBurst = 20;
  static constexpr std::chrono::seconds kDefaultAge{600};
  static constexpr std::chrono::seconds kMinAge{60};
  static constexpr std::chrono::hours kMaxAge{24};
  // How long keys are used when no new ones can be had.
  static constexpr std::chrono::hours kMaxStaleness{24};
  // Between two fetches for one issuer: because of kids that it does not have, because there are no
  // keys, because they grow old.
  static constexpr std::chrono::seconds kUnknownKidInterval{60};
  static constexpr std::chrono::seconds kRetryInterval{10};
  static constexpr std::chrono::seconds kRefreshInterval{30};
  // An issuer that nobody has asked for in so long is not refreshed.
  static constexpr std::chrono::hours kMaxIdle{24};

  enum class Advice : std::uint8_t {
    kJudge,  // with the keys that there are, be the right one among them or not
    kFetch,  // call BeginFetch, and judge after it with KeysOf
    kWait,   // a fetch has begun: judge after it with KeysOf
    kGiveUp  // there are no keys and none to be had just now
  };
  struct Answer {
    Advice advice = Advice::kGiveUp;
    std::shared_ptr<const JwkSet> keys;  // with kJudge
  };
  Answer Find(const UncheckedBearer& bearer, base::MonotonicTime now);

  void BeginFetch(const std::string& issuer, base::MonotonicTime now);
  // Ends a fetch. nullopt: it failed. `max_age`: what the answer said about how long it is good.
  void EndFetch(const std::string& issuer, std::optional<JwkSet> keys,
                std::optional<std::chrono::seconds> max_age, base::MonotonicTime now);

  // The issuers whose keys should be fetched again before they are too old.
  std::vector<std::string> DueForRefresh(base::MonotonicTime now) const;
  // Forgets issuers that are no longer anybody's.
  void Retain(const std::function<bool(const std::string& issuer)>& is_known);

  // Every fetch that has begun has come to nothing.
  void AbandonFetches();

  // Those that may be used, however old; nullptr: none.
  std::shared_ptr<const JwkSet> KeysOf(const std::string& issuer, base::MonotonicTime now) const;
  std::size_t issuer_count() const { return entries_.size(); }
  // How many issuers' keys are used beyond their time since no new ones could be had. Those that
  // nobody asks for any more grow old by themselves, and are not among them.
  std::size_t StaleCount(base::MonotonicTime now) const;
  // When the oldest of the keys that are kept fresh were fetched; nullopt: there are none.
  std::optional<base::MonotonicTime> OldestFetch(base::MonotonicTime now) const;

 private:
  struct Entry {
    std::shared_ptr<const JwkSet> keys;
    base::MonotonicTime fetched_at;
    std::chrono::nanoseconds age{};  // how long they are fresh
    std::optional<base::MonotonicTime> attempted_at;
    std::optional<base::MonotonicTime> unknown_kid_at;  // the last fetch because of one
    base::MonotonicTime used_at;
    bool is_fetching = false;

    bool HasUsableKeys(base::MonotonicTime now) const {
      return keys != nullptr && now < fetched_at + age + kMaxStaleness;
    }
    bool IsIdle(base::MonotonicTime now) const { return now >= used_at + kMaxIdle; }
  };

  Entry* FindOrAdd(const std::string& issuer, base::MonotonicTime now);
  bool MakeRoom(base::MonotonicTime now);
  bool MayFetch(const Entry& entry, bool is_listed, base::MonotonicTime now);
  bool TakeFirstFetch(base::MonotonicTime now);

  std::map<std::string, Entry, std::less<>> entries_;
  std::size_t fetches_ = 0;  // under way
  double first_fetches_left_ = kFirstFetchBurst;
  base::MonotonicTime first_fetches_at_;
};

}  // namespace auth
