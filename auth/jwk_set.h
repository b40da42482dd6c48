#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/signature_algorithm.h"

namespace auth {

// The public keys of an issuer (RFC 7517). An immutable value; thread-safe.
class JwkSet {
 public:
  static constexpr std::size_t kMaxBytes = 256 * 1024;
  static constexpr std::size_t kMaxKeys = 100;
  static constexpr std::size_t kMinRsaBits = 2048;
  static constexpr std::size_t kMaxRsaBits = 8192;

  // nullopt: not a JWK set, or more than the limits allow. Keys that are of no use here are left
  // out and take nothing with them: of another type, for something else than signatures, with a
  // private part, symmetric, too short, too long, with an RSA exponent that is
  // even, 1 or longer than 64 bits, or broken.
  static std::optional<JwkSet> Parse(std::string_view text);

  JwkSet(JwkSet&&) noexcept;
  JwkSet& operator=(JwkSet&&) noexcept;
  ~JwkSet();

  std::size_t size() const;

  // Whether there is a key that a token with this kid may be signed with. A token without a kid is
  // only good where one key is meant: the only one of the algorithm's type.
  bool HasKeyFor(std::optional<std::string_view> kid, SignatureAlgorithm algorithm) const;
  // Whether there is a key of this kid at all, for another algorithm perhaps.
  bool HasKid(std::string_view kid) const;
  // Whether the signature of `compact` (RFC 7515 section 3.1) is of that key. False also if there
  // is none, and if the header of `compact` says another algorithm.
  bool IsSignedBy(std::optional<std::string_view> kid, SignatureAlgorithm algorithm,
                  std::string_view compact) const;

 private:
  struct Key;
  JwkSet();
  const Key* Find(std::optional<std::string_view> kid, SignatureAlgorithm algorithm) const;

  std::vector<Key> keys_;
};

}  // namespace auth
