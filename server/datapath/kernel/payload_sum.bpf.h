/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/rewrite.bpf.h"

// The most that is summed: a jumbo frame.
#define MAX_SUM_CHUNKS 18

enum attachment { ATTACHMENT_TC, ATTACHMENT_XDP };

// Sums the octets [offset, offset + bytes) of a packet, which begin at an even offset of its UDP
// datagram. Negative: too many, or not there.
static __always_inline __s64 sum_octets(void *context, enum attachment attachment, __u32 offset,
                                        __u32 bytes) {
  __u32 only = 0;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &only);
  if (!scratch) return -1;
  __s64 sum = 0;
  for (int i = 0; i < MAX_SUM_CHUNKS; ++i) {
    if (bytes == 0) return sum & 0xffffffff;
    const __u32 chunk = bytes < SCRATCH_BYTES ? bytes : SCRATCH_BYTES;
    // The last octet may be half a word, and the helper takes words of four.
    *(__u32 *)&scratch->octets[(chunk - 1) & (SCRATCH_BYTES - 4)] = 0;
    const long failure = attachment == ATTACHMENT_TC
                             ? bpf_skb_load_bytes(context, offset, scratch->octets, chunk)
                             : bpf_xdp_load_bytes(context, offset, scratch->octets, chunk);
    if (failure) return -1;
    sum = bpf_csum_diff(0, 0, (__be32 *)scratch->octets, (chunk + 3) & ~3U, (__u32)sum);
    if (sum < 0) return -1;
    offset += chunk;
    bytes -= chunk;
  }
  return bytes == 0 ? (sum & 0xffffffff) : -1;
}

// The UDP checksum of what is to leave, where the old one does not tell. Before anything of the
// packet is changed. False: pass.
static __always_inline int make_check(void *context, enum attachment attachment,
                                      const struct packet *packet, const struct plan *plan,
                                      __u16 *check) {
  const __u32 offset = (__u32)sizeof(struct ethhdr) + old_header_bytes(packet, plan);
  const __s64 payload = sum_octets(context, attachment, offset, plan->data_bytes);
  if (payload < 0) return 0;
  *check = udp_check((__u64)payload + sum_new_headers(plan));
  return 1;
}
