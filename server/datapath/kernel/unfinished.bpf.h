/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/payload_sum.bpf.h"

// Socket buffers whose checksum is left to the interface that they leave by (CHECKSUM_PARTIAL), as
// senders on the same machine do. Such a buffer has a note of where the sum begins, which no helper
// can move. So UDP stays where it is, the payload moves, and the note goes on to be true; nobody
// has to sum the payload.

// Only between the same family of addresses: else IP becomes longer or shorter, and UDP moves.
static __always_inline int can_move_payload(const struct packet* packet, const struct plan* plan) {
  return plan->is_v6 == packet->is_v6 && plan->data_bytes <= SCRATCH_BYTES;
}

// Whether there is such a note, for a packet with has_unfinished_checksum: the helper corrects
// finished checksums only. Leaves the packet as it was.
static __always_inline int is_left_to_interface(struct __sk_buff* skb,
                                                const struct packet* packet) {
  const __u32 offset =
      ETH_HLEN + packet->ip_bytes + (__u32) __builtin_offsetof(struct udphdr, check);
  __u16 check = 0;
  if (bpf_l4_csum_replace(skb, offset, 0, 1, sizeof(check)) ||
      bpf_skb_load_bytes(skb, offset, &check, sizeof(check)))
    return 0;
  if (check == packet->check) return 1;
  bpf_l4_csum_replace(skb, offset, 1, 0, sizeof(check));
  return 0;
}

// What a sender leaves in the field: the sum over the pseudo-header.
static __always_inline __u16 unfinished_check(const struct plan* plan) {
  return fold32(plan->new_sums.addresses + bpf_htons(new_udp_bytes(plan)) + bpf_htons(IPPROTO_UDP));
}

// Makes room for the ChannelData header, or takes its room away.
static __always_inline int move_payload(struct __sk_buff* skb, const struct packet* packet,
                                        const struct plan* plan) {
  const __u32 from = data_offset(packet, plan);
  const __u32 to = ETH_HLEN + new_header_bytes(plan);
  __u32 bytes = plan->data_bytes;
  if (from == to) return 1;
  if (from < to && bpf_skb_change_tail(skb, to + bytes, 0)) return 0;
  if (bytes > 0) {
    __u32 only = 0;
    struct scratch* scratch = bpf_map_lookup_elem(&scratches, &only);
    if (!scratch || !is_within(&bytes, SCRATCH_BYTES)) return 0;
    if (bpf_skb_load_bytes(skb, from, scratch->octets, bytes) ||
        bpf_skb_store_bytes(skb, to, scratch->octets, bytes, 0))
      return 0;
  }
  return from < to || bpf_skb_change_tail(skb, to + plan->data_bytes, 0) == 0;
}
