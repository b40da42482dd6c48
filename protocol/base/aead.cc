#include "protocol/base/aead.h"

#include <openssl/evp.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace base {
namespace {

// One algorithm of libcrypto, looked up once. Never freed: threads that outlive main may still be
// using it.
const EVP_CIPHER* FetchCipher(const char* name) {
  const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, name, nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

const EVP_CIPHER* AlgorithmFor(Bytes key) {
  static const EVP_CIPHER* const aes_128 = FetchCipher("AES-128-GCM");
  static const EVP_CIPHER* const aes_256 = FetchCipher("AES-256-GCM");
  CHECK(key.size() == 16 || key.size() == 32);
  return key.size() == 16 ? aes_128 : aes_256;
}

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

EVP_CIPHER_CTX* ThreadContext() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext> context(
      EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  return context.get();
}

// libcrypto counts octets in an int.
int Length(Bytes bytes) {
  CHECK(bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(bytes.size());
}

}  // namespace

void SealAesGcm(Bytes key, const AesGcmNonce& nonce, Bytes associated_data, Bytes plaintext,
                MutableBytes sealed) {
  CHECK(sealed.size() == plaintext.size() + kAesGcmTagBytes);
  EVP_CIPHER_CTX* const context = ThreadContext();
  int written = 0;
  CHECK(EVP_EncryptInit_ex2(context, AlgorithmFor(key), key.data(), nonce.data(), nullptr) == 1);
  if (!associated_data.empty())
    CHECK(EVP_EncryptUpdate(context, nullptr, &written, associated_data.data(),
                            Length(associated_data)) == 1);
  if (!plaintext.empty()) {
    CHECK(EVP_EncryptUpdate(context, sealed.data(), &written, plaintext.data(),
                            Length(plaintext)) == 1);
    CHECK(static_cast<std::size_t>(written) == plaintext.size());
  }
  const MutableBytes tag = sealed.last(kAesGcmTagBytes);
  CHECK(EVP_EncryptFinal_ex(context, tag.data(), &written) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Length(tag), tag.data()) == 1);
}

bool OpenAesGcm(Bytes key, const AesGcmNonce& nonce, Bytes associated_data, Bytes sealed,
                MutableBytes plaintext) {
  if (sealed.size() < kAesGcmTagBytes) return false;
  const Bytes ciphertext = sealed.first(sealed.size() - kAesGcmTagBytes);
  CHECK(plaintext.size() == ciphertext.size());
  std::array<std::uint8_t, kAesGcmTagBytes> tag;  // libcrypto wants to write to it
  std::ranges::copy(sealed.last(kAesGcmTagBytes), tag.begin());

  EVP_CIPHER_CTX* const context = ThreadContext();
  int written = 0;
  CHECK(EVP_DecryptInit_ex2(context, AlgorithmFor(key), key.data(), nonce.data(), nullptr) == 1);
  if (!associated_data.empty())
    CHECK(EVP_DecryptUpdate(context, nullptr, &written, associated_data.data(),
                            Length(associated_data)) == 1);
  if (!ciphertext.empty()) {
    CHECK(EVP_DecryptUpdate(context, plaintext.data(), &written, ciphertext.data(),
                            Length(ciphertext)) == 1);
    CHECK(static_cast<std::size_t>(written) == plaintext.size());
  }
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Length(tag), tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context, tag.data(), &written) == 1) return true;
  WipeMemory(plaintext);
  return false;
}

}  // namespace base
