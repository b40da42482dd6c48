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

// Of all allocations of a user, or of the server, by direction.
#define LEAKY_DIRECTIONS 2
struct leaky_shared {
  __u64 bytes_empty_at_ns[LEAKY_DIRECTIONS];
};

// A bucket that several allocations share. Rate 0: there is no such limit.
struct leaky_share {
  __u64* empty_at;
  __u64 rate;
};

#define LEAKY_BURST_NS 1000000000ULL

// What every allocation may send ahead of those that send more: a voice, or a small picture.
#define LEAKY_MODEST_BYTES_PER_SECOND 32000ULL

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

LEAKY_INLINE int leaky_has_room(struct leaky_share share, __u64 bytes, __u64 until, __u64 now) {
  return share.rate == 0 ||
         leaky_empty_after(leaky_read(share.empty_at), bytes, share.rate, now) <= until;
}

LEAKY_INLINE void leaky_charge(struct leaky_share share, __u64 bytes, __u64 now) {
  if (share.rate == 0) return;
  const __u64 before = leaky_read(share.empty_at);
  leaky_move_forward(share.empty_at, before, leaky_empty_after(before, bytes, share.rate, now),
                     now);
}

// Whether shared buckets have room, which are charged then. Half of each is kept for what is within
// the modest rate of its allocation: as long as those fit together, they lose nothing to floods.
// Only what is within it is charged to the modest rate, so that whoever sends a flood has it, too.
LEAKY_INLINE int leaky_admit_shared(__u64* modest_empty_at, struct leaky_share user,
                                    struct leaky_share total, __u64 bytes, __u64 now) {
  if (user.rate == 0 && total.rate == 0) return 1;
  const struct leaky_share modest = {modest_empty_at, LEAKY_MODEST_BYTES_PER_SECOND};
  const int is_modest = leaky_has_room(modest, bytes, now + LEAKY_BURST_NS, now);
  const __u64 until = now + (is_modest ? LEAKY_BURST_NS : LEAKY_BURST_NS / 2);
  if (!leaky_has_room(user, bytes, until, now) || !leaky_has_room(total, bytes, until, now))
    return 0;
  if (is_modest) leaky_charge(modest, bytes, now);
  leaky_charge(user, bytes, now);
  leaky_charge(total, bytes, now);
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
