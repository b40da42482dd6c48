/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/route.bpf.h"

// 0: there is no such bucket.
static __always_inline int find_share(__u32 place, enum fastpath_direction direction, __u64 rate,
                                      struct leaky_share* share) {
  if (rate == 0) return 1;
  struct leaky_shared* found = bpf_map_lookup_elem(&shared, &place);
  if (!found) return 0;
  share->empty_at = &found->bytes_empty_at_ns[direction];
  share->rate = rate;
  return 1;
}

static __always_inline int admit(const struct fastpath_config* settings, __u32 index,
                                 enum fastpath_direction direction, __u64 bytes, __u64 now) {
  const __u64 bytes_rate = settings->bytes_per_second;
  const __u64 packets_rate = settings->packets_per_second;
  const __u64 user_rate = settings->user_bytes_per_second;
  const __u64 total_rate = settings->total_bytes_per_second;
  if ((bytes_rate | packets_rate | user_rate | total_rate) == 0) return 1;
  struct fastpath_slot* slot = bpf_map_lookup_elem(&slots, &index);
  if (!slot) return 0;
  struct leaky_share user = {};
  struct leaky_share total = {};
  if (!find_share(slot->user, direction, user_rate, &user) ||
      !find_share(0, direction, total_rate, &total))
    return 0;
  return leaky_admit(&slot->meters[direction], bytes_rate, packets_rate, user, total, bytes, now);
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
  if (!admit(settings, index, direction, plan->data_bytes, now)) return FASTPATH_DROP_OVER_LIMIT;
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
