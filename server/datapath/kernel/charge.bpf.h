/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/route.bpf.h"

// 0: there are no such buckets.
static __always_inline int find_share(__u32 place, __u32 direction,
                                      const struct fastpath_rates* rates,
                                      struct leaky_share* share) {
  struct leaky_shared* found = bpf_map_lookup_elem(&shared, &place);
  if (!found) return 0;
  share->buckets = &found->directions[direction];
  share->bytes_rate = rates->bytes_per_second;
  share->packets_rate = rates->packets_per_second;
  return 1;
}

static __always_inline int is_limited(const struct fastpath_rates* rates) {
  return (rates->bytes_per_second | rates->packets_per_second) != 0;
}

// 0: over a limit. A function that the verifier walks through once, and not for each way to it.
__attribute__((noinline)) int fastpath_admit(__u32 index, __u32 direction, __u64 bytes, __u64 now) {
  const struct fastpath_config* settings = find_config();
  struct fastpath_slot* slot = bpf_map_lookup_elem(&slots, &index);
  if (!settings || !slot || direction >= FASTPATH_DIRECTIONS) return 0;
  // Without a shared limit both stay without a rate, and the verifier knows that they are not used.
  struct leaky_share user = {};
  struct leaky_share total = {};
  if ((is_limited(&settings->user) || is_limited(&settings->total)) &&
      (!find_share(slot->user, direction, &settings->user, &user) ||
       !find_share(0, direction, &settings->total, &total)))
    return 0;
  return leaky_admit(&slot->meters[direction], settings->allocation.bytes_per_second,
                     settings->allocation.packets_per_second, user, total, bytes, now);
}

static __always_inline void count(struct fastpath_traffic* traffic, __u64 bytes) {
  traffic->packets += 1;
  traffic->bytes += bytes;
}

// One allocation, in one direction: a hop, its limits, its counters.
static __always_inline int charge_slot(struct plan* plan, const struct fastpath_config* settings,
                                       __u32 index, enum fastpath_direction direction, __u64 now) {
  if (settings->new_hop_limit == 0) {
    if (plan->hop_limit <= 1) return FASTPATH_DROP_HOP_LIMIT;
    plan->hop_limit -= 1;
  } else {
    plan->hop_limit = (__u8)settings->new_hop_limit;
  }
  if ((is_limited(&settings->allocation) || is_limited(&settings->user) ||
       is_limited(&settings->total)) &&
      !fastpath_admit(index, direction, plan->data_bytes, now))
    return FASTPATH_DROP_OVER_LIMIT;
  struct fastpath_slot_counters* counters = bpf_map_lookup_elem(&slot_counters, &index);
  if (counters) count(&counters->directions[direction], plan->data_bytes);
  struct fastpath_totals* all = find_totals();
  if (all) count(&all->relayed[direction], plan->data_bytes);
  return GO_ON;
}

// From relay to relay, both are charged, in the order in which userspace would do it.
__attribute__((noinline)) int fastpath_charge(struct plan* plan, __u64 now) {
  const struct fastpath_config* settings = find_config();
  if (!plan || !settings) return FASTPATH_DROP_SYSTEM;
  if (plan->removes_header) {
    const int verdict =
        charge_slot(plan, settings, plan->to_peer_slot, FASTPATH_CLIENT_TO_PEER, now);
    if (verdict != GO_ON || !plan->adds_header) return verdict;
  }
  return charge_slot(plan, settings, plan->to_client_slot, FASTPATH_PEER_TO_CLIENT, now);
}
