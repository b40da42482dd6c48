#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/revocation.h"
#include "protocol/turn/revocations.h"

namespace auth {

// Finds the revocation that concerns a user name. An immutable snapshot; thread-safe.
class RevocationList final : public turn::Revocations {
 public:
  explicit RevocationList(const std::vector<Revocation>& revocations);

  // A user name, a kid and a jti are over whenever they were issued. Of a tenant and a subject,
  // what says that it was issued later is good again, and so is what lives longer than anything
  // that was issued before.
  bool Covers(std::string_view username) const override;

 private:
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the table asks for it
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Times {
    base::WallTime revoked_at;
    base::WallTime forget_at;
  };
  using Names = std::unordered_map<std::string, Times, Hash, std::equal_to<>>;

  const Times* Find(Revocation::Kind kind, std::string_view value) const;

  std::array<Names, kRevocationKinds> by_kind_;
};

}  // namespace auth
