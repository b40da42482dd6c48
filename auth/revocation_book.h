#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/revocation.h"
#include "protocol/base/time.h"

namespace auth {

// The revocations in force, from whatever source they come: each once, bounded in number and size,
// and forgotten when their time is over. One thread.
class RevocationBook {
 public:
  static constexpr std::size_t kMaxRevocations = 100'000;
  static constexpr std::size_t kMaxValueOctets = 763;  // the longest user name
  // Longer than any credential lives: whoever wants to be remembered longer is not believed.
  static constexpr std::chrono::days kMaxRemembered{31};

  enum class Outcome : std::uint8_t {
    kAdded,    // or what was known has become stricter
    kKnown,    // nothing new
    kOver,     // its time is over already
    kInvalid,  // an empty or overlong value
    kFull,     // there is no room
  };
  Outcome Add(Revocation revocation, base::WallTime now);
  // Whether there were any whose time is over.
  bool Forget(base::WallTime now);

  std::vector<Revocation> List() const;
  std::size_t size() const { return entries_.size(); }
  // When the first of those in force was revoked; nullopt: there is none.
  std::optional<base::WallTime> OldestRevokedAt() const;

  // What two revocations of the same have in common.
  using Key = std::pair<Revocation::Kind, std::string>;
  static Key KeyOf(const Revocation& revocation) { return {revocation.kind, revocation.value}; }
  // nullptr: it is not in force. Good until the book changes.
  const Revocation* Find(const Key& key) const;

 private:
  std::map<Key, Revocation> entries_;
};

}  // namespace auth
