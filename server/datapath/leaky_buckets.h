#pragma once

#include <linux/types.h>

// C, in the style of C. NOLINTBEGIN(readability-identifier-naming,modernize-macro-to-enum)

// The meter of an allocation in one direction: two leaky buckets, each held as the time at which it
// would be empty again (nanoseconds of CLOCK_MONOTONIC). A second's worth may come at once. C, as
// the program in the kernel charges the same buckets with the same code at the same time.
struct leaky_buckets {
  __u64 bytes_empty_at_ns;
  __u64 packets_empty_at_ns;
};

#define LEAKY_BURST_NS 1000000000ULL
#define LEAKY_INLINE static inline __attribute__((always_inline))

// When it is empty again after `units` more. Rate 0: unlimited.
LEAKY_INLINE __u64 leaky_empty_after(__u64 empty_at, __u64 units, __u64 rate, __u64 now) {
  if (rate == 0) return empty_at;
  return (empty_at > now ? empty_at : now) + units * 1000000000ULL / rate;
}

// Several may charge at once; none of it is lost.
LEAKY_INLINE void leaky_move_forward(__u64* empty_at, __u64 before, __u64 after, __u64 now) {
  if (before == after) return;
  if (before < now) {
    if (__sync_val_compare_and_swap(empty_at, before, after) == before) return;
    before = now;
  }
  __sync_fetch_and_add(empty_at, after - before);
}

LEAKY_INLINE __u64 leaky_read(const volatile __u64* empty_at) { return *empty_at; }

// 0: over a limit, and nothing was charged. Those who ask at the same moment may all be admitted.
LEAKY_INLINE int leaky_admit(struct leaky_buckets* buckets, __u64 bytes_rate, __u64 packets_rate,
                             __u64 bytes, __u64 now) {
  const __u64 bytes_before = leaky_read(&buckets->bytes_empty_at_ns);
  const __u64 packets_before = leaky_read(&buckets->packets_empty_at_ns);
  const __u64 bytes_after = leaky_empty_after(bytes_before, bytes, bytes_rate, now);
  const __u64 packets_after = leaky_empty_after(packets_before, 1, packets_rate, now);
  if (bytes_after > now + LEAKY_BURST_NS || packets_after > now + LEAKY_BURST_NS) return 0;
  leaky_move_forward(&buckets->bytes_empty_at_ns, bytes_before, bytes_after, now);
  leaky_move_forward(&buckets->packets_empty_at_ns, packets_before, packets_after, now);
  return 1;
}

// NOLINTEND(readability-identifier-naming,modernize-macro-to-enum)
