#include "protocol/base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "protocol/base/check.h"

namespace base {
namespace {

// One algorithm of libcrypto, looked up once. Never freed: threads that outlive main may still be
// using it.
const EVP_MD* FetchDigest(const char* name) {
  const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

const EVP_MD* Md5Algorithm() {
  static const EVP_MD* const algorithm = FetchDigest("MD5");
  return algorithm;
}

const EVP_MD* Sha1Algorithm() {
  static const EVP_MD* const algorithm = FetchDigest("SHA1");
  return algorithm;
}

const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = FetchDigest("SHA256");
  return algorithm;
}

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// A digest in progress, in a context that a thread keeps for one algorithm, so that starting again
// allocates nothing.
class Digester {
 public:
  explicit Digester(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()), algorithm_(algorithm) {
    CHECK(context_ != nullptr);
  }

  void Start() { CHECK(EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) == 1); }
  void Add(Bytes bytes) {
    CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  void Finish(MutableBytes digest) {
    unsigned written = 0;
    CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &written) == 1);
    CHECK(written == digest.size());
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context_;
  const EVP_MD* algorithm_;
};

Digester& ThreadMd5() {
  thread_local Digester digester(Md5Algorithm());
  return digester;
}

Digester& ThreadSha1() {
  thread_local Digester digester(Sha1Algorithm());
  return digester;
}

Digester& ThreadSha256() {
  thread_local Digester digester(Sha256Algorithm());
  return digester;
}

template <typename Digest>
Digest DigestOf(Digester& digester, std::initializer_list<Bytes> pieces) {
  Digest digest;
  digester.Start();
  for (const Bytes piece : pieces) digester.Add(piece);
  digester.Finish(digest);
  return digest;
}

// RFC 2104, for digests whose block is 64 octets.
template <typename Digest>
Digest HmacOf(Digester& digester, Bytes key, std::initializer_list<Bytes> pieces) {
  std::array<std::uint8_t, 64> block{};
  if (key.size() <= block.size()) {
    std::copy(key.begin(), key.end(), block.begin());
  } else {
    const auto short_key = DigestOf<Digest>(digester, {key});
    std::copy(short_key.begin(), short_key.end(), block.begin());
  }

  for (std::uint8_t& octet : block) octet ^= 0x36;
  digester.Start();
  digester.Add(block);
  for (const Bytes piece : pieces) digester.Add(piece);
  Digest inner;
  digester.Finish(inner);

  for (std::uint8_t& octet : block) octet ^= 0x36 ^ 0x5c;
  const auto outer = DigestOf<Digest>(digester, {block, inner});
  WipeMemory(block);
  return outer;
}

}  // namespace

Md5Digest Md5(std::initializer_list<Bytes> pieces) {
  return DigestOf<Md5Digest>(ThreadMd5(), pieces);
}

Sha256Digest Sha256(std::initializer_list<Bytes> pieces) {
  return DigestOf<Sha256Digest>(ThreadSha256(), pieces);
}

Sha1Digest HmacSha1(Bytes key, std::initializer_list<Bytes> pieces) {
  return HmacOf<Sha1Digest>(ThreadSha1(), key, pieces);
}

Sha256Digest HmacSha256(Bytes key, std::initializer_list<Bytes> pieces) {
  return HmacOf<Sha256Digest>(ThreadSha256(), key, pieces);
}

bool ConstantTimeEqual(Bytes left, Bytes right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void WipeMemory(MutableBytes bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace base
