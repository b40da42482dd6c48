#include "tests/support/issuer_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace test_support {
namespace {

using Octets = std::vector<std::uint8_t>;

std::string Url(base::Bytes octets) { return base::Base64UrlEncode(octets); }
std::string Url(std::string_view text) { return Url(base::AsBytes(text)); }

Octets Number(const EVP_PKEY* key, const char* name, int size) {
  BIGNUM* number = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  Octets octets(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(number)));
  BN_bn2binpad(number, octets.data(), static_cast<int>(octets.size()));
  BN_free(number);
  return octets;
}

const EVP_MD* DigestOf(std::string_view algorithm) {
  if (algorithm.ends_with("384")) return EVP_sha384();
  return algorithm.ends_with("512") ? EVP_sha512() : EVP_sha256();
}

// RFC 7518 section 3.4: both numbers in a row, in full length.
Octets Unwrapped(const Octets& der, int size) {
  const unsigned char* in = der.data();
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &in, static_cast<int>(der.size()));
  CHECK(signature != nullptr);
  Octets octets(static_cast<std::size_t>(size) * 2);
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), octets.data(), size);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), octets.data() + size, size);
  ECDSA_SIG_free(signature);
  return octets;
}

}  // namespace

struct IssuerKey::Handle {
  EVP_PKEY* key;
  std::string curve;  // empty: RSA

  int coordinate_bytes() const { return (EVP_PKEY_get_bits(key) + 7) / 8; }
};

IssuerKey::IssuerKey(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
IssuerKey::IssuerKey(IssuerKey&&) noexcept = default;
IssuerKey::~IssuerKey() {
  if (handle_ != nullptr) EVP_PKEY_free(handle_->key);
}

IssuerKey IssuerKey::Rsa(unsigned bits) {
  return IssuerKey(std::make_unique<Handle>(Handle{EVP_RSA_gen(bits), ""}));
}

IssuerKey IssuerKey::Ec(const std::string& curve) {
  return IssuerKey(std::make_unique<Handle>(Handle{EVP_EC_gen(curve.c_str()), curve}));
}

boost::json::object IssuerKey::Jwk(boost::json::object members) const {
  const EVP_PKEY* key = handle_->key;
  if (handle_->curve.empty()) {
    members["kty"] = "RSA";
    members["n"] = Url(Number(key, OSSL_PKEY_PARAM_RSA_N, 0));
    members["e"] = Url(Number(key, OSSL_PKEY_PARAM_RSA_E, 0));
    return members;
  }
  members["kty"] = "EC";
  members["crv"] = handle_->curve;
  members["x"] = Url(Number(key, OSSL_PKEY_PARAM_EC_PUB_X, handle_->coordinate_bytes()));
  members["y"] = Url(Number(key, OSSL_PKEY_PARAM_EC_PUB_Y, handle_->coordinate_bytes()));
  return members;
}

boost::json::object IssuerKey::PrivateJwk(boost::json::object members) const {
  const bool is_rsa = handle_->curve.empty();
  members["d"] = Url(Number(handle_->key, is_rsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY,
                            is_rsa ? 0 : handle_->coordinate_bytes()));
  return Jwk(std::move(members));
}

std::string IssuerKey::Sign(std::string_view header, std::string_view payload,
                            std::string_view algorithm) const {
  const std::string text = Url(header) + "." + Url(payload);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* options = nullptr;
  CHECK(EVP_DigestSignInit(context, &options, DigestOf(algorithm), nullptr, handle_->key) == 1);
  if (algorithm.starts_with("PS")) {
    CHECK(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  const base::Bytes octets = base::AsBytes(text);
  std::size_t size = 0;
  CHECK(EVP_DigestSign(context, nullptr, &size, octets.data(), octets.size()) == 1);
  Octets signature(size);
  CHECK(EVP_DigestSign(context, signature.data(), &size, octets.data(), octets.size()) == 1);
  EVP_MD_CTX_free(context);
  signature.resize(size);
  if (!handle_->curve.empty()) signature = Unwrapped(signature, handle_->coordinate_bytes());
  return text + "." + Url(signature);
}

std::string JwkSetText(boost::json::array keys) {
  return boost::json::serialize(boost::json::object{{"keys", std::move(keys)}});
}

}  // namespace test_support
