#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <string_view>

// The key pair of a made-up issuer: signs tokens, also such as no issuer would, and shows its
// public part. Straight on libcrypto, so that it has nothing in common with the code it is to test.
namespace test_support {

class IssuerKey {
 public:
  static IssuerKey Rsa(unsigned bits = 2048);
  static IssuerKey Ec(const std::string& curve);  // "P-256"
  IssuerKey(IssuerKey&&) noexcept;
  ~IssuerKey();

  // The public key as a JWK with these members besides.
  boost::json::object Jwk(boost::json::object members = {}) const;
  // The same with the private exponent or scalar, of no worth.
  boost::json::object PrivateJwk(boost::json::object members = {}) const;

  // header.payload.signature, signed as `algorithm` says ("PS256"), whatever the header says.
  std::string Sign(std::string_view header, std::string_view payload,
                   std::string_view algorithm) const;

 private:
  struct Handle;
  explicit IssuerKey(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

// {"keys": [...]}
std::string JwkSetText(boost::json::array keys);

}  // namespace test_support
