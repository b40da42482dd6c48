/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/charge.bpf.h"
#include "server/datapath/kernel/payload_sum.bpf.h"

// In the driver, before there is a socket buffer: a packet is its octets and nothing else.

struct vlan_tag {
  __u16 tag;
  __u16 protocol;
};

static __always_inline int write_headers(struct xdp_md *xdp, __u32 offset,
                                         const union headers *headers, const struct plan *plan) {
  void *end = (void *)(long)xdp->data_end;
  void *to = (void *)(long)xdp->data + offset;
  const __u32 fixed_bytes = plan->is_v6 ? 48 : 28;
  if (to + fixed_bytes > end) return 0;
  if (plan->is_v6)
    __builtin_memcpy(to, headers, 48);
  else
    __builtin_memcpy(to, headers, 28);
  if (!plan->adds_header) return 1;
  __u32 *channel_header = to + fixed_bytes;
  if ((void *)(channel_header + 1) > end) return 0;
  *channel_header = plan->channel_header;
  return 1;
}

static __always_inline int send_xdp(struct xdp_md *xdp, const struct packet *packet,
                                    const struct plan *plan, __u16 check) {
  const __u32 tag_bytes = plan->link->vlan ? sizeof(struct vlan_tag) : 0;
  const __s32 growth = (__s32)(new_header_bytes(plan) + tag_bytes) -
                       (__s32)old_header_bytes(packet, plan);
  if (bpf_xdp_adjust_head(xdp, -growth)) return 0;
  union headers headers = {};
  build_headers(&headers, packet, plan, check);
  if (!write_headers(xdp, ETH_HLEN + tag_bytes, &headers, plan)) return 0;
  struct ethhdr *ethernet = (void *)(long)xdp->data;
  struct vlan_tag *tag = (void *)(ethernet + 1);
  if ((void *)(tag + 1) > (void *)(long)xdp->data_end) return 0;
  const __u16 protocol = plan->is_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
  write_ethernet(ethernet, plan->link, tag_bytes ? bpf_htons(ETH_P_8021Q) : protocol);
  if (tag_bytes) {
    tag->tag = bpf_htons(plan->link->vlan);
    tag->protocol = protocol;
  }
  return 1;
}

static __always_inline int relay_xdp(struct xdp_md *xdp, struct plan *plan) {
  const struct fastpath_config *settings = find_config();
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (!settings || now >= settings->lease_until_ns) return FOREIGN;
  struct packet packet = {};
  const __u32 frame_bytes = xdp->data_end - xdp->data;
  int verdict =
      parse(&packet, (void *)(long)xdp->data, (void *)(long)xdp->data_end, frame_bytes);
  if (verdict != GO_ON) return verdict;
  plan->hop_limit = packet.hop_limit;
  verdict = make_plan(plan, &packet, settings, now);
  if (verdict != GO_ON) return verdict;

  __u16 check = changed_check(&packet, plan);
  if (needs_payload_sum(&packet, plan) &&
      !make_check(xdp, ATTACHMENT_XDP, &packet, plan, &check))
    return FASTPATH_PASS_SYSTEM;
  verdict = charge(plan, settings, now);
  if (verdict != GO_ON) return verdict;
  return send_xdp(xdp, &packet, plan, check) ? GO_ON : FASTPATH_DROP_SYSTEM;
}

SEC("xdp")
int turn_fastpath_xdp(struct xdp_md *xdp) {
  struct plan plan = {};
  const int verdict = relay_xdp(xdp, &plan);
  if (verdict == GO_ON) return (int)bpf_redirect(plan.link->ifindex, 0);
  if (verdict == FOREIGN) return XDP_PASS;
  count_outcome(verdict);
  return verdict >= FASTPATH_DROP_OVER_LIMIT ? XDP_DROP : XDP_PASS;
}
