/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/charge.bpf.h"
#include "server/datapath/kernel/payload_sum.bpf.h"

// In the driver, before there is a socket buffer: a packet is its octets and nothing else.

struct vlan_tag {
  __u16 tag;
  __u16 protocol;
};

static __always_inline int send_xdp(struct xdp_md* xdp, const struct packet* packet,
                                    const struct plan* plan, const struct fastpath_link* link,
                                    __u16 check) {
  const __u32 tag_bytes = link->vlan ? sizeof(struct vlan_tag) : 0;
  const __s32 growth =
      (__s32)(new_header_bytes(plan) + tag_bytes) - (__s32)old_header_bytes(packet, plan);
  if (bpf_xdp_adjust_head(xdp, -growth)) return 0;
  void* end = (void*)(long)xdp->data_end;
  struct ethhdr* ethernet = (void*)(long)xdp->data;
  struct vlan_tag* tag = (void*)(ethernet + 1);
  if ((void*)(tag + 1) > end) return 0;
  const __u16 protocol = plan->is_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
  if (link->vlan == 0) {
    write_ethernet(ethernet, link, protocol);
    return write_headers(tag, end, packet, plan, check);
  }
  write_ethernet(ethernet, link, bpf_htons(ETH_P_8021Q));
  tag->tag = bpf_htons(link->vlan);
  tag->protocol = protocol;
  return write_headers(tag + 1, end, packet, plan, check);
}

// An interface that listens to everything has frames for others.
static __always_inline int is_for_interface(const struct xdp_md* xdp) {
  const __u32 place = xdp->ingress_ifindex % FASTPATH_INTERFACES;
  const struct fastpath_interface* own = bpf_map_lookup_elem(&interfaces, &place);
  const struct ethhdr* ethernet = (void*)(long)xdp->data;
  if (!own || own->index != xdp->ingress_ifindex) return 0;
  if ((const void*)(ethernet + 1) > (const void*)(long)xdp->data_end) return 0;
  const __u16* left = __builtin_assume_aligned(ethernet->h_dest, 2);
  const __u16* right = __builtin_assume_aligned(own->address, 2);
  return ((left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2])) == 0;
}

// The interface to leave by is `*ifindex`.
static __always_inline int relay_xdp(struct xdp_md* xdp, __u32* ifindex) {
  const struct fastpath_config* settings = find_config();
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (!settings || now >= settings->lease_until_ns) return FOREIGN;
  struct packet packet;
  __builtin_memset(&packet, 0, sizeof(packet));
  const __u32 frame_bytes = (__u32)bpf_xdp_get_buff_len(xdp);
  int verdict = parse(&packet, (void*)(long)xdp->data, (void*)(long)xdp->data_end, frame_bytes);
  if (verdict != GO_ON) return verdict;
  if (!is_for_interface(xdp)) return FOREIGN;
  struct plan plan;
  start_plan(&plan, &packet);
  verdict = fastpath_plan(&plan, &packet, now);
  if (verdict != GO_ON) return verdict;

  __u16 check;
  if (needs_payload_sum(&packet, &plan)) {
    const __s64 sum = fastpath_sum_xdp(xdp, data_offset(&packet, &plan), plan.data_bytes);
    if (sum < 0) return fastpath_leave(&plan);
    check = new_check(sum, &plan);
  } else {
    check = changed_check(&packet, &plan);
  }
  verdict = fastpath_charge(&plan, now);
  if (verdict != GO_ON) return verdict;
  const struct fastpath_link* link = link_of(&plan);
  if (!link || !send_xdp(xdp, &packet, &plan, link, check)) return FASTPATH_DROP_SYSTEM;
  *ifindex = link->ifindex;
  return GO_ON;
}

SEC("xdp")
int turn_fastpath_xdp(struct xdp_md* xdp) {
  __u32 ifindex = 0;
  const int verdict = relay_xdp(xdp, &ifindex);
  if (verdict == GO_ON) return (int)bpf_redirect(ifindex, 0);
  if (verdict == FOREIGN) return XDP_PASS;
  fastpath_count((__u32)verdict);
  return verdict >= FASTPATH_DROP_OVER_LIMIT ? XDP_DROP : XDP_PASS;
}
