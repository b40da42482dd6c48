#pragma once

#include <linux/types.h>

// C, in the style of C. NOLINTBEGIN(readability-identifier-naming,modernize-macro-to-enum)

// The meter of an allocation in one direction: leaky buckets, each held as the time at which it
// would be empty again (nanoseconds of CLOCK_MONOTONIC). A second's worth may come at once. C, as
// the program in the kernel charges the same buckets with the same code at the same time.
struct leaky_buckets {
  __u64 bytes_empty_at_ns;
  __u64 packets_empty_at_ns;
  __u64 modest_empty_at_ns;  // see leaky_admit
};

// What several allocations have together, in one direction.
struct leaky_pair {
  __u64 bytes_empty_at_ns;
  __u64 packets_empty_at_ns;
};

// Of all allocations of a user, or of the server, by direction.
#define LEAKY_DIRECTIONS 2
struct leaky_shared {
  struct leaky_pair directions[LEAKY_DIRECTIONS];
};

// Buckets that several allocations share, and their limits. Rate 0: there is no such limit, and
// without both of them, no need for buckets.
struct leaky_share {
  struct leaky_pair* buckets;
  __u64 bytes_rate;
  __u64 packets_rate;
};

#define LEAKY_BURST_NS 1000000000ULL

// What every allocation may send ahead of those that send more: a voice, or a small picture. Where
// packets are limited, each counts as no less than so much: 200 of them a second are modest.
#define LEAKY_MODEST_BYTES_PER_SECOND 32000ULL
#define LEAKY_MODEST_LEAST_BYTES 160ULL

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

// Others may write at the same time. The compiler for the kernel knows no atomic loads; there every
// load of a word is one.
LEAKY_INLINE __u64 leaky_read(const volatile __u64* empty_at) {
#ifdef __bpf__
  return *empty_at;
#else
  return __atomic_load_n(empty_at, __ATOMIC_RELAXED);
#endif
}

LEAKY_INLINE int leaky_has_room(const __u64* empty_at, __u64 units, __u64 rate, __u64 until,
                                __u64 now) {
  return leaky_empty_after(leaky_read(empty_at), units, rate, now) <= until;
}

LEAKY_INLINE void leaky_charge(__u64* empty_at, __u64 units, __u64 rate, __u64 now) {
  const __u64 before = leaky_read(empty_at);
  leaky_move_forward(empty_at, before, leaky_empty_after(before, units, rate, now), now);
}

LEAKY_INLINE int leaky_share_has_room(struct leaky_share share, __u64 bytes, __u64 until,
                                      __u64 now) {
  if (share.bytes_rate != 0 &&
      !leaky_has_room(&share.buckets->bytes_empty_at_ns, bytes, share.bytes_rate, until, now))
    return 0;
  return share.packets_rate == 0 ||
         leaky_has_room(&share.buckets->packets_empty_at_ns, 1, share.packets_rate, until, now);
}

LEAKY_INLINE void leaky_charge_share(struct leaky_share share, __u64 bytes, __u64 now) {
  if (share.bytes_rate != 0)
    leaky_charge(&share.buckets->bytes_empty_at_ns, bytes, share.bytes_rate, now);
  if (share.packets_rate != 0)
    leaky_charge(&share.buckets->packets_empty_at_ns, 1, share.packets_rate, now);
}

LEAKY_INLINE int leaky_is_limited(struct leaky_share share) {
  return (share.bytes_rate | share.packets_rate) != 0;
}

// Whether shared buckets have room, which are charged then. Half of each is kept for what is within
// the modest rate of its allocation: as long as those fit together, they lose nothing to floods.
// Only what is within it is charged to the modest rate, so that whoever sends a flood has it, too.
LEAKY_INLINE int leaky_admit_shared(__u64* modest_empty_at, struct leaky_share user,
                                    struct leaky_share total, __u64 bytes, __u64 now) {
  if (!leaky_is_limited(user) && !leaky_is_limited(total)) return 1;
  const int counts_packets = (user.packets_rate | total.packets_rate) != 0;
  const __u64 modest =
      counts_packets && bytes < LEAKY_MODEST_LEAST_BYTES ? LEAKY_MODEST_LEAST_BYTES : bytes;
  const int is_modest = leaky_has_room(modest_empty_at, modest, LEAKY_MODEST_BYTES_PER_SECOND,
                                       now + LEAKY_BURST_NS, now);
  const __u64 until = now + (is_modest ? LEAKY_BURST_NS : LEAKY_BURST_NS / 2);
  if (!leaky_share_has_room(user, bytes, until, now) ||
      !leaky_share_has_room(total, bytes, until, now))
    return 0;
  if (is_modest) leaky_charge(modest_empty_at, modest, LEAKY_MODEST_BYTES_PER_SECOND, now);
  leaky_charge_share(user, bytes, now);
  leaky_charge_share(total, bytes, now);
  return 1;
}

// 0: over a limit, and nothing was charged. Those who ask at the same moment may all be admitted.
LEAKY_INLINE int leaky_admit(struct leaky_buckets* buckets, __u64 bytes_rate, __u64 packets_rate,
                             struct leaky_share user, struct leaky_share total, __u64 bytes,
                             __u64 now) {
  const __u64 bytes_before = leaky_read(&buckets->bytes_empty_at_ns);
  const __u64 packets_before = leaky_read(&buckets->packets_empty_at_ns);
  const __u64 bytes_after = leaky_empty_after(bytes_before, bytes, bytes_rate, now);
  const __u64 packets_after = leaky_empty_after(packets_before, 1, packets_rate, now);
  if (bytes_after > now + LEAKY_BURST_NS || packets_after > now + LEAKY_BURST_NS) return 0;
  if (!leaky_admit_shared(&buckets->modest_empty_at_ns, user, total, bytes, now)) return 0;
  leaky_move_forward(&buckets->bytes_empty_at_ns, bytes_before, bytes_after, now);
  leaky_move_forward(&buckets->packets_empty_at_ns, packets_before, packets_after, now);
  return 1;
}

// NOLINTEND(readability-identifier-naming,modernize-macro-to-enum)
