/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "server/datapath/kernel/charge.bpf.h"
#include "server/datapath/kernel/unfinished.bpf.h"

// At ingress of an Ethernet interface, by tcx or clsact: packets are socket buffers, which carry
// notes about checksums, VLANs and segmentation beside the octets.

// To the next program, if there is one (TCX_NEXT), and then up the stack.
#define PASS_TC TC_ACT_UNSPEC

// Headers, the ChannelData header and some payload.
#define LINEAR_BYTES (ETH_HLEN + 40U + 8U + 8U)

#define ADJUST_FLAGS (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

// What of the payload is cut off together with the headers by settle_checksum.
struct cut_payload {
  __u8 octets[8];
  __u8 is_longer;  // the frame was made longer for it
};

// Removes or adds `growth` octets, and with them the buffer's note that its checksum is unfinished:
// the system drops that once the place where the sum begins is cut off, and no helper can move it.
static __always_inline int settle_checksum(struct __sk_buff* skb, const struct packet* packet,
                                           __s32 growth, struct cut_payload* cut) {
  const __s32 cut_bytes =
      packet->ip_bytes + (__s32)sizeof(struct udphdr) + (__s32)sizeof(cut->octets);
  const __u32 needed_bytes = ETH_HLEN + (__u32)cut_bytes + packet->ip_bytes;
  if (skb->len < needed_bytes) {
    if (bpf_skb_change_tail(skb, needed_bytes, 0)) return 0;
    cut->is_longer = 1;
  }
  const __u32 payload = ETH_HLEN + packet->ip_bytes + (__u32)sizeof(struct udphdr);
  return bpf_skb_load_bytes(skb, payload, cut->octets, sizeof(cut->octets)) == 0 &&
         bpf_skb_adjust_room(skb, -cut_bytes, BPF_ADJ_ROOM_MAC, ADJUST_FLAGS) == 0 &&
         bpf_skb_adjust_room(skb, cut_bytes + growth, BPF_ADJ_ROOM_MAC, ADJUST_FLAGS) == 0;
}

static __always_inline int restore_payload(struct __sk_buff* skb, const struct plan* plan,
                                           const struct cut_payload* cut) {
  const __u32 offset = ETH_HLEN + new_header_bytes(plan);
  // The first word was the header of ChannelData.
  const long failure =
      plan->removes_header
          ? bpf_skb_store_bytes(skb, offset, cut->octets + 4, 4, BPF_F_RECOMPUTE_CSUM)
          : bpf_skb_store_bytes(skb, offset, cut->octets, 8, BPF_F_RECOMPUTE_CSUM);
  if (failure) return 0;
  return !cut->is_longer || bpf_skb_change_tail(skb, offset + plan->data_bytes, 0) == 0;
}

// How the UDP checksum of what leaves comes about.
enum check_kind {
  CHECK_CHANGED,    // from the old one
  CHECK_SUMMED,     // over the payload
  CHECK_UNFINISHED  // by the interface that the packet leaves by
};

// Octets enter or leave between Ethernet and IP; then all headers are written anew.
static __always_inline int resize(struct __sk_buff* skb, const struct packet* packet,
                                  const struct plan* plan, long is_unfinished,
                                  struct cut_payload* cut) {
  const __s32 growth = (plan->adds_header ? 4 : 0) - (plan->removes_header ? 4 : 0);
  if (is_unfinished && !settle_checksum(skb, packet, growth, cut)) return 0;
  const __u16 protocol = plan->is_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
  if (plan->is_v6 != packet->is_v6 && bpf_skb_change_proto(skb, protocol, 0)) return 0;
  return is_unfinished || growth == 0 ||
         bpf_skb_adjust_room(skb, growth, BPF_ADJ_ROOM_MAC, ADJUST_FLAGS) == 0;
}

// Where the interface took a sum over the whole packet (CHECKSUM_COMPLETE), it is kept true.
static __always_inline int has_whole_sum(struct __sk_buff* skb) {
  return (__s64)bpf_csum_update(skb, 0) >= 0;
}

__attribute__((noinline)) int fastpath_store_headers(struct __sk_buff* skb,
                                                     const struct packet* packet,
                                                     const struct plan* plan, __u16 check) {
  if (!packet || !plan) return 0;
  __u32 words[MAX_HEADER_WORDS];
  __builtin_memset(words, 0, sizeof(words));
  if (plan->is_v6) {
    write_v6(words, packet, plan, check);
    words[V6_WORDS] = plan->channel_header;
  } else {
    write_v4(words, packet, plan, check);
    words[V4_WORDS] = plan->channel_header;
  }
  const __u32 bytes = new_header_bytes(plan);
  if (bytes == 0 || bytes > sizeof(words)) return 0;
  return bpf_skb_store_bytes(skb, ETH_HLEN, words, bytes, BPF_F_RECOMPUTE_CSUM) == 0;
}

static __always_inline int send_tc(struct __sk_buff* skb, const struct packet* packet,
                                   const struct plan* plan, const struct fastpath_link* link,
                                   long kind, __u16 check) {
  if (kind == CHECK_UNFINISHED) {
    if (!move_payload(skb, packet, plan)) return 0;
  } else {
    struct cut_payload cut = {};
    if (!resize(skb, packet, plan, kind == CHECK_SUMMED, &cut)) return 0;
    if (kind == CHECK_SUMMED && !restore_payload(skb, plan, &cut)) return 0;
  }
  const int is_stored = has_whole_sum(skb);
  if (is_stored && !fastpath_store_headers(skb, packet, plan, check)) return 0;
  struct ethhdr* ethernet = (void*)(long)skb->data;
  void* end = (void*)(long)skb->data_end;
  if ((void*)(ethernet + 1) > end) return 0;
  write_ethernet(ethernet, link, plan->is_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
  if (!is_stored && !write_headers(ethernet + 1, end, packet, plan, check)) return 0;
  return link->vlan == 0 || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), link->vlan) == 0;
}

// The interface to leave by is `*ifindex`.
static __always_inline int relay_tc(struct __sk_buff* skb, __u32* ifindex) {
  const struct fastpath_config* settings = find_config();
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (!settings || now >= settings->lease_until_ns || skb->pkt_type != PACKET_HOST) return FOREIGN;
  void* data = (void*)(long)skb->data;
  if (data + LINEAR_BYTES > (void*)(long)skb->data_end)
    bpf_skb_pull_data(skb, skb->len < LINEAR_BYTES ? skb->len : LINEAR_BYTES);

  struct packet packet;
  __builtin_memset(&packet, 0, sizeof(packet));
  int verdict = parse(&packet, (void*)(long)skb->data, (void*)(long)skb->data_end, skb->len);
  if (verdict != GO_ON) return verdict;
  if (skb->vlan_present) return FASTPATH_PASS_VLAN;
  packet.is_segmented = skb->gso_segs > 1 || skb->gso_size != 0;
  struct plan plan;
  start_plan(&plan, &packet);
  verdict = fastpath_plan(&plan, &packet, now);
  if (verdict != GO_ON) return verdict;

  __u16 check;
  long kind = CHECK_CHANGED;
  if (needs_payload_sum(&packet, &plan)) {
    kind = can_move_payload(&packet, &plan) && is_left_to_interface(skb, &packet) ? CHECK_UNFINISHED
                                                                                  : CHECK_SUMMED;
  }
  if (kind == CHECK_UNFINISHED) {
    check = unfinished_check(&plan);
  } else if (kind == CHECK_SUMMED) {
    const __s64 sum = fastpath_sum_tc(skb, data_offset(&packet, &plan), plan.data_bytes);
    if (sum < 0) return fastpath_leave(&plan);
    check = new_check(sum, &plan);
  } else {
    check = changed_check(&packet, &plan);
  }
  verdict = fastpath_charge(&plan, now);
  if (verdict != GO_ON) return verdict;
  const struct fastpath_link* link = link_of(&plan);
  if (!link || !send_tc(skb, &packet, &plan, link, kind, check)) return FASTPATH_DROP_SYSTEM;
  *ifindex = link->ifindex;
  return GO_ON;
}

SEC("tc")
int turn_fastpath_tc(struct __sk_buff* skb) {
  __u32 ifindex = 0;
  const int verdict = relay_tc(skb, &ifindex);
  if (verdict == GO_ON) return (int)bpf_redirect(ifindex, 0);
  if (verdict == FOREIGN) return PASS_TC;
  fastpath_count((__u32)verdict);
  return verdict >= FASTPATH_DROP_OVER_LIMIT ? TC_ACT_SHOT : PASS_TC;
}
