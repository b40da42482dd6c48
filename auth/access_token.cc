#include "auth/access_token.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "protocol/base/aead.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/crypto.h"

namespace auth {
namespace {

// key_length, timestamp and lifetime: what a block has besides the key.
constexpr std::size_t kFixedBlockBytes = 2 + 8 + 4;
constexpr std::size_t kMaxBlockBytes = kFixedBlockBytes + kMaxMacKeyBytes;

// 48 bits of seconds since 1970 and 16 bits of 1/64000 s. Seconds that a WallTime cannot hold
// become the last that it can, centuries from now.
base::WallTime DecodeTimestamp(std::uint64_t timestamp) {
  using std::chrono::seconds;
  using Fraction = std::chrono::duration<std::int64_t, std::ratio<1, 64000>>;
  constexpr auto kLast = std::chrono::floor<seconds>(base::WallTime::max().time_since_epoch());
  const auto whole =
      std::min(seconds(static_cast<std::int64_t>(timestamp >> 16)), kLast - seconds(2));
  const Fraction fraction(static_cast<std::int64_t>(timestamp & 0xffff));
  return base::WallTime(whole + std::chrono::floor<base::WallTime::duration>(fraction));
}

// The plaintext of encrypted_block.
std::optional<AccessToken> ReadBlock(base::Bytes block) {
  base::ByteReader reader(block);
  const std::size_t key_length = reader.ReadU16();
  const base::Bytes mac_key = reader.ReadBytes(key_length);
  const std::uint64_t timestamp = reader.ReadU64();
  const std::uint32_t lifetime_seconds = reader.ReadU32();
  if (!reader.ok() || reader.remaining() != 0) return std::nullopt;
  if (key_length < kMinMacKeyBytes || key_length > kMaxMacKeyBytes) return std::nullopt;
  return AccessToken{{mac_key.begin(), mac_key.end()},
                     {DecodeTimestamp(timestamp), std::chrono::seconds(lifetime_seconds)}};
}

}  // namespace

std::optional<AccessToken> OpenAccessToken(base::Bytes token, base::Bytes key,
                                           std::string_view server_name) {
  base::ByteReader reader(token);
  if (reader.ReadU16() != base::kAesGcmNonceBytes) return std::nullopt;
  const base::Bytes nonce_octets = reader.ReadBytes(base::kAesGcmNonceBytes);
  if (!reader.ok()) return std::nullopt;
  const base::Bytes sealed = reader.rest();
  if (sealed.size() < kFixedBlockBytes + base::kAesGcmTagBytes ||
      sealed.size() > kMaxBlockBytes + base::kAesGcmTagBytes)
    return std::nullopt;

  base::AesGcmNonce nonce;
  std::ranges::copy(nonce_octets, nonce.begin());
  std::array<std::uint8_t, kMaxBlockBytes> room;
  const auto block = base::MutableBytes(room).first(sealed.size() - base::kAesGcmTagBytes);
  if (!base::OpenAesGcm(key, nonce, base::AsBytes(server_name), sealed, block)) return std::nullopt;
  std::optional<AccessToken> opened = ReadBlock(block);
  base::WipeMemory(block);
  return opened;
}

}  // namespace auth
