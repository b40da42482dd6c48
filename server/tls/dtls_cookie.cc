#include "server/tls/dtls_cookie.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "protocol/base/byte_writer.h"
#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace relay {
namespace {

constexpr std::size_t kBoundBytes = 8 + 2 * (16 + 2);

std::int64_t MinuteOf(base::MonotonicTime now) {
  return std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count();
}

void WriteEndpoint(base::ByteWriter& writer, const base::Endpoint& endpoint) {
  writer.WriteBytes(endpoint.address.octets());
  writer.WriteU16(endpoint.port);
}

DtlsCookies::Cookie MakeForMinute(base::Bytes key, std::int64_t minute,
                                  const base::Endpoint& client, const base::Endpoint& server) {
  std::array<std::uint8_t, kBoundBytes> bound;
  base::ByteWriter writer(bound);
  writer.WriteU64(static_cast<std::uint64_t>(minute));
  WriteEndpoint(writer, client);
  WriteEndpoint(writer, server);
  CHECK(writer.ok() && writer.size() == bound.size());
  const base::Sha256Digest digest = base::HmacSha256(key, {bound});
  DtlsCookies::Cookie cookie;
  std::copy_n(digest.begin(), cookie.size(), cookie.begin());
  return cookie;
}

}  // namespace

DtlsCookies::DtlsCookies(base::RandomSource& random) : key_() { random.Fill(key_); }

DtlsCookies::Cookie DtlsCookies::Make(const base::Endpoint& client, const base::Endpoint& server,
                                      base::MonotonicTime now) const {
  return MakeForMinute(key_, MinuteOf(now), client, server);
}

bool DtlsCookies::Verify(base::Bytes cookie, const base::Endpoint& client,
                         const base::Endpoint& server, base::MonotonicTime now) const {
  const std::int64_t minute = MinuteOf(now);
  return base::ConstantTimeEqual(cookie, MakeForMinute(key_, minute, client, server)) ||
         base::ConstantTimeEqual(cookie, MakeForMinute(key_, minute - 1, client, server));
}

}  // namespace relay
