#include "protocol/turn/nonce.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/crypto.h"

namespace turn {
namespace {

constexpr std::string_view kCookie = "obMatJos2";
constexpr std::size_t kFeatureChars = 4;
constexpr std::size_t kTimeBytes = 4;
constexpr std::size_t kSaltBytes = 2;
constexpr std::size_t kMacBytes = 8;
constexpr std::size_t kBodyBytes = kTimeBytes + kSaltBytes + kMacBytes;
constexpr std::size_t kBodyChars = (kBodyBytes * 4 + 2) / 3;  // base64 without padding
// What a stranger gets is to be small, and an attribute is padded to a multiple of four.
static_assert((kCookie.size() + kFeatureChars + kBodyChars) % 4 == 0);
static_assert(kCookie.size() + kFeatureChars + kBodyChars <= NonceIssuer::kMaxChars);

// Shards read their clocks at different moments.
constexpr std::int64_t kClockSkewSeconds = 2;

using Time = std::array<std::uint8_t, kTimeBytes>;
using Salt = std::array<std::uint8_t, kSaltBytes>;
using Mac = std::array<std::uint8_t, kMacBytes>;
using ClientOctets = std::array<std::uint8_t, 18>;

// The 24 feature bits in base64; bit 0 is the leftmost (RFC 8489 sections 9.2 and 18.1).
std::string FeatureText(NonceIssuer::Features features) {
  std::array<std::uint8_t, 3> bits{};
  if (features.password_algorithms) bits[0] |= 0x80;
  if (features.username_anonymity) bits[0] |= 0x40;
  return base::Base64Encode(bits);
}

// The body in base64 (RFC 4648 section 4) without the padding, which says nothing.
std::string BodyText(base::Bytes body) {
  std::string text = base::Base64Encode(body);
  text.resize(kBodyChars);
  return text;
}

std::optional<std::vector<std::uint8_t>> ParseBody(std::string_view text) {
  auto body = base::Base64Decode(std::string(text).append((4 - text.size() % 4) % 4, '='));
  // The bits of the last character that stand for nothing have one right value.
  if (!body || body->size() != kBodyBytes || BodyText(*body) != text) return std::nullopt;
  return body;
}

ClientOctets EncodeClient(const base::Endpoint& client) {
  ClientOctets octets;
  base::ByteWriter writer(octets);
  writer.WriteBytes(client.address.octets());
  writer.WriteU16(client.port);
  return octets;
}

// Hides the time, which would otherwise tell a stranger how long the server has been running. Its
// own inverse.
Time MaskTime(const NonceKey& key, const Time& time, const Salt& salt, const ClientOctets& client) {
  const base::Sha256Digest mask =
      base::HmacSha256(key.octets, {base::AsBytes("mask"), salt, client});
  Time masked;
  for (std::size_t i = 0; i < masked.size(); ++i) masked[i] = time[i] ^ mask[i];
  return masked;
}

Mac ComputeMac(const NonceKey& key, const Time& time, const Salt& salt, const ClientOctets& client,
               std::string_view features) {
  const base::Sha256Digest digest =
      base::HmacSha256(key.octets, {time, salt, client, base::AsBytes(features)});
  Mac mac;
  std::copy_n(digest.begin(), mac.size(), mac.begin());
  return mac;
}

}  // namespace

NonceIssuer::NonceIssuer(const NonceKey& key, base::MonotonicTime start)
    : key_(key), start_(start) {}

std::string NonceIssuer::Issue(const base::Endpoint& client, Features features,
                               base::RandomSource& random, base::MonotonicTime now) const {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
  Time time;
  base::ByteWriter(time).WriteU32(static_cast<std::uint32_t>(age));
  Salt salt;
  random.Fill(salt);
  const ClientOctets client_octets = EncodeClient(client);
  const std::string feature_text = FeatureText(features);

  std::array<std::uint8_t, kBodyBytes> body;
  base::ByteWriter writer(body);
  writer.WriteBytes(MaskTime(key_, time, salt, client_octets));
  writer.WriteBytes(salt);
  writer.WriteBytes(ComputeMac(key_, time, salt, client_octets, feature_text));

  std::string nonce;
  nonce.reserve(kMaxChars);
  nonce.append(kCookie).append(feature_text).append(BodyText(body));
  return nonce;
}

NonceIssuer::Verdict NonceIssuer::Check(std::string_view nonce, const base::Endpoint& client,
                                        Features features, std::chrono::seconds lifetime,
                                        base::MonotonicTime now) const {
  const std::string feature_text = FeatureText(features);
  if (nonce.size() != kCookie.size() + kFeatureChars + kBodyChars) return Verdict::kForged;
  if (!nonce.starts_with(kCookie)) return Verdict::kForged;
  if (nonce.substr(kCookie.size(), kFeatureChars) != feature_text) return Verdict::kForged;
  const std::optional<std::vector<std::uint8_t>> body =
      ParseBody(nonce.substr(kCookie.size() + kFeatureChars));
  if (!body) return Verdict::kForged;

  const base::Bytes octets = *body;
  Time masked;
  std::copy_n(octets.begin(), masked.size(), masked.begin());
  Salt salt;
  std::copy_n(octets.begin() + kTimeBytes, salt.size(), salt.begin());
  const ClientOctets client_octets = EncodeClient(client);
  const Time time = MaskTime(key_, masked, salt, client_octets);
  const Mac expected = ComputeMac(key_, time, salt, client_octets, feature_text);
  if (!base::ConstantTimeEqual(octets.last(kMacBytes), expected)) return Verdict::kForged;

  const std::int64_t issued = base::ByteReader(time).ReadU32();
  const std::int64_t age =
      std::chrono::duration_cast<std::chrono::seconds>(now - start_).count() - issued;
  if (age < -kClockSkewSeconds) return Verdict::kForged;
  return age >= lifetime.count() ? Verdict::kStale : Verdict::kFresh;
}

}  // namespace turn
