/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "server/datapath/kernel/fastpath_abi.h"

// The maps that fastpath_abi.h describes. Sizes of 1 are set by the loader.

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct fastpath_channel_key);
  __type(value, __u32);
} by_channel SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct fastpath_peer_key);
  __type(value, __u32);
} by_peer SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_route);
} routes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_slot);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct leaky_shared);
} shared SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_slot_counters);
} slot_counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_next_hop);
} next_hops SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_totals);
} totals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_config);
} config SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastpath_ports);
} ports SEC(".maps");

// Only XDP asks: tc is told by the system.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FASTPATH_INTERFACES);
  __type(key, __u32);
  __type(value, struct fastpath_interface);
} interfaces SEC(".maps");

// Octets on their way, or into a checksum.
#define SCRATCH_BYTES 2048U
struct scratch {
  __u8 octets[SCRATCH_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct fastpath_config* find_config(void) {
  __u32 only = 0;
  return bpf_map_lookup_elem(&config, &only);
}

static __always_inline struct fastpath_totals* find_totals(void) {
  __u32 only = 0;
  return bpf_map_lookup_elem(&totals, &only);
}

static __always_inline enum fastpath_port_role role_of_port(__u16 port) {
  __u32 only = 0;
  const struct fastpath_ports* all = bpf_map_lookup_elem(&ports, &only);
  __u32 index = port;
  // Swapping its octets made the verifier of Linux 6.1 forget that it is short.
  asm volatile("" : "+r"(index));
  if (!all || index >= sizeof(all->roles)) return FASTPATH_PORT_FOREIGN;
  return (enum fastpath_port_role)all->roles[index];
}

__attribute__((noinline)) int fastpath_count(__u32 outcome) {
  struct fastpath_totals* all = find_totals();
  if (all && outcome < FASTPATH_OUTCOMES) all->outcomes[outcome] += 1;
  return 0;
}
