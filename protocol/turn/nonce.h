#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"

namespace turn {

// One per process, so that every shard accepts what another one issued.
struct NonceKey {
  std::array<std::uint8_t, 32> octets{};
};

// Nonces that need no table (RFC 8489 section 9.2): the cookie "obMatJos2" with the security
// feature bits, then, in base64, a time that is masked and a salt, both bound by HMAC to the
// client's transport address and the feature bits.
class NonceIssuer {
 public:
  // `start` is the origin of the time inside nonces.
  NonceIssuer(const NonceKey& key, base::MonotonicTime start);

  struct Features {
    bool password_algorithms = false;
    bool username_anonymity = false;
  };

  // At most kMaxChars characters, all of them qdtext.
  static constexpr std::size_t kMaxChars = 40;
  std::string Issue(const base::Endpoint& client, Features features, base::RandomSource& random,
                    base::MonotonicTime now) const;

  enum class Verdict : std::uint8_t { kFresh, kStale, kForged };
  // kForged: not issued by this process to this client with these features, in any detail.
  Verdict Check(std::string_view nonce, const base::Endpoint& client, Features features,
                std::chrono::seconds lifetime, base::MonotonicTime now) const;

 private:
  NonceKey key_;
  base::MonotonicTime start_;
};

}  // namespace turn
