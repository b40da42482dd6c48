#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace auth {

// How bearer tokens may be signed (RFC 7518 section 3.1): asymmetric algorithms only. `none` and
// the HMACs are not among them on purpose.
enum class SignatureAlgorithm : std::uint8_t {
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
};

// Kinds of public keys; each algorithm works with exactly one of them.
enum class KeyType : std::uint8_t { kRsa, kP256, kP384, kP521 };

struct SignatureAlgorithmName {
  std::string_view name;
  SignatureAlgorithm algorithm;
  KeyType key_type;
};

inline constexpr std::array<SignatureAlgorithmName, 9> kSignatureAlgorithms{{
    {"RS256", SignatureAlgorithm::kRs256, KeyType::kRsa},
    {"RS384", SignatureAlgorithm::kRs384, KeyType::kRsa},
    {"RS512", SignatureAlgorithm::kRs512, KeyType::kRsa},
    {"PS256", SignatureAlgorithm::kPs256, KeyType::kRsa},
    {"PS384", SignatureAlgorithm::kPs384, KeyType::kRsa},
    {"PS512", SignatureAlgorithm::kPs512, KeyType::kRsa},
    {"ES256", SignatureAlgorithm::kEs256, KeyType::kP256},
    {"ES384", SignatureAlgorithm::kEs384, KeyType::kP384},
    {"ES512", SignatureAlgorithm::kEs512, KeyType::kP521},
}};

// nullopt: none of these. Names are case-sensitive.
constexpr std::optional<SignatureAlgorithm> ParseSignatureAlgorithm(std::string_view name) {
  for (const SignatureAlgorithmName& one : kSignatureAlgorithms) {
    if (one.name == name) return one.algorithm;
  }
  return std::nullopt;
}

constexpr KeyType KeyTypeOf(SignatureAlgorithm algorithm) {
  return kSignatureAlgorithms[static_cast<std::size_t>(algorithm)].key_type;
}

constexpr std::string_view NameOf(SignatureAlgorithm algorithm) {
  return kSignatureAlgorithms[static_cast<std::size_t>(algorithm)].name;
}

}  // namespace auth
