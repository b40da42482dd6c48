/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/rewrite.bpf.h"

// What the helper for sums takes at once, and the most that is summed: a jumbo frame.
#define SUM_CHUNK_BYTES 512U
#define MAX_SUM_CHUNKS 18

enum attachment { ATTACHMENT_TC, ATTACHMENT_XDP };

static __always_inline long load_octets(void* context, enum attachment attachment, __u32 offset,
                                        void* to, __u32 bytes) {
  return attachment == ATTACHMENT_TC ? bpf_skb_load_bytes(context, offset, to, bytes)
                                     : bpf_xdp_load_bytes(context, offset, to, bytes);
}

// Whether `*value` is in [1, most]. The compiler knows that it is, and would not say so where the
// verifier looks, which before Linux 6.8 learns nothing from a comparison with 0 alone.
static __always_inline int is_within(__u32* value, __u32 most) {
  __u32 less_one = *value - 1;
  asm volatile("" : "+r"(less_one));
  if (less_one >= most) return 0;
  *value = less_one + 1;
  return 1;
}

// Sums the octets [offset, offset + bytes) of a packet, which begin at an even offset of its UDP
// datagram. Negative: too many, or not there.
static __always_inline __s64 sum_octets(void* context, enum attachment attachment, __u32 offset,
                                        __u32 bytes) {
  __u32 only = 0;
  struct scratch* scratch = bpf_map_lookup_elem(&scratches, &only);
  if (!scratch) return -1;
  __s64 sum = 0;
  // The helper takes words of four octets.
  for (int i = 0; i < MAX_SUM_CHUNKS && bytes >= sizeof(__u32); ++i) {
    __u32 chunk = bytes < SUM_CHUNK_BYTES ? bytes & ~3U : SUM_CHUNK_BYTES;
    if (!is_within(&chunk, SUM_CHUNK_BYTES)) return -1;
    if (load_octets(context, attachment, offset, scratch->octets, chunk)) return -1;
    sum = bpf_csum_diff(0, 0, (__be32*)scratch->octets, chunk, (__u32)sum);
    if (sum < 0) return -1;
    offset += chunk;
    bytes -= chunk;
  }
  if (bytes >= sizeof(__u32)) return -1;
  if (bytes == 0) return sum & 0xffffffff;
  if (!is_within(&bytes, sizeof(__u32) - 1)) return -1;
  __u32 last = 0;
  if (load_octets(context, attachment, offset, &last, bytes)) return -1;
  return (sum & 0xffffffff) + last;
}

__attribute__((noinline)) __s64 fastpath_sum_tc(struct __sk_buff* skb, __u32 offset, __u32 bytes) {
  return sum_octets(skb, ATTACHMENT_TC, offset, bytes);
}

__attribute__((noinline)) __s64 fastpath_sum_xdp(struct xdp_md* xdp, __u32 offset, __u32 bytes) {
  return sum_octets(xdp, ATTACHMENT_XDP, offset, bytes);
}

static __always_inline __u32 data_offset(const struct packet* packet, const struct plan* plan) {
  return (__u32)sizeof(struct ethhdr) + old_header_bytes(packet, plan);
}
