#include "protocol/turn/challenge_limiter.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "protocol/base/hash.h"

namespace turn {
namespace {

constexpr std::size_t kWays = 4;
static_assert(ChallengeLimiter::kEntries % kWays == 0);

std::uint64_t HashSource(const base::IpAddress& source) {
  std::uint64_t network;
  std::uint64_t host;
  std::memcpy(&network, source.octets().data(), sizeof(network));
  std::memcpy(&host, source.octets().data() + sizeof(network), sizeof(host));
  const std::uint64_t hash =
      source.is_v4() ? base::HashWords({network, host}) : base::HashWords({network});
  return hash == 0 ? 1 : hash;
}

}  // namespace

ChallengeLimiter::ChallengeLimiter() : buckets_(kEntries) {}

bool ChallengeLimiter::Allow(const base::IpAddress& source, std::uint32_t rate, std::uint32_t burst,
                             base::MonotonicTime now) {
  if (rate == 0) return true;
  const std::uint32_t capacity = std::max<std::uint32_t>(burst, 1);
  Bucket& bucket = FindOrReplace(HashSource(source), capacity, now);
  if (now > bucket.updated) {
    const std::chrono::duration<double> pause = now - bucket.updated;
    bucket.tokens = std::min<double>(capacity, bucket.tokens + pause.count() * rate);
    bucket.updated = now;
  }
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

ChallengeLimiter::Bucket& ChallengeLimiter::FindOrReplace(std::uint64_t source, std::uint32_t burst,
                                                          base::MonotonicTime now) {
  const std::size_t set = source % (kEntries / kWays);
  Bucket* const first = &buckets_[set * kWays];
  Bucket* oldest = first;
  for (Bucket* bucket = first; bucket != first + kWays; ++bucket) {
    if (bucket->source == source) return *bucket;
    if (oldest->source != 0 && (bucket->source == 0 || bucket->updated < oldest->updated))
      oldest = bucket;
  }
  *oldest = Bucket{source, now, static_cast<double>(burst)};
  return *oldest;
}

}  // namespace turn
