/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/route.bpf.h"

// The headers after Ethernet of what leaves: IPv4 or IPv6, UDP, and perhaps ChannelData.
#define MAX_HEADER_BYTES (sizeof(struct ipv6hdr) + sizeof(struct udphdr) + CHANNEL_HEADER_BYTES)

struct v4_headers {
  struct iphdr ip;
  struct udphdr udp;
  __u32 channel_header;
};

struct v6_headers {
  struct ipv6hdr ip;
  struct udphdr udp;
  __u32 channel_header;
};

union headers {
  struct v4_headers v4;
  struct v6_headers v6;
};

static __always_inline __u32 old_header_bytes(const struct packet* packet,
                                              const struct plan* plan) {
  return packet->ip_bytes + (__u32)sizeof(struct udphdr) +
         (plan->removes_header ? CHANNEL_HEADER_BYTES : 0);
}

static __always_inline __u32 new_header_bytes(const struct plan* plan) {
  return (__u32)((plan->is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
                 sizeof(struct udphdr)) +
         (plan->adds_header ? CHANNEL_HEADER_BYTES : 0);
}

static __always_inline __u16 new_udp_bytes(const struct plan* plan) {
  return (__u16)(sizeof(struct udphdr) + (plan->adds_header ? CHANNEL_HEADER_BYTES : 0) +
                 plan->data_bytes);
}

// A sender on this machine leaves the sum over the payload to the interface: what stands in the
// field is the sum over the pseudo-header. A finished checksum can be the same by chance; summing
// anew is right for it as well.
static __always_inline int has_unfinished_checksum(const struct packet* packet) {
  return packet->check ==
         fold(sum_pseudo_header(&packet->source, &packet->destination, packet->udp_bytes));
}

// Whether the new checksum cannot be had from the old one.
static __always_inline int needs_payload_sum(const struct packet* packet, const struct plan* plan) {
  return has_unfinished_checksum(packet) || (packet->check == 0 && plan->is_v6);
}

static __always_inline __u64 sum_new_headers(const struct plan* plan) {
  const __u16 udp_bytes = new_udp_bytes(plan);
  return sum_pseudo_header(&plan->source, &plan->destination, udp_bytes) +
         sum_udp_header(plan->source_port, plan->destination_port, udp_bytes) +
         (plan->adds_header ? plan->channel_header : 0);
}

static __always_inline __u64 sum_old_headers(const struct packet* packet, const struct plan* plan) {
  return sum_pseudo_header(&packet->source, &packet->destination, packet->udp_bytes) +
         sum_udp_header(packet->source_port, packet->destination_port, packet->udp_bytes) +
         (plan->removes_header ? packet->first_word : 0);
}

// RFC 1624: what the old one says about the payload, with the new headers.
static __always_inline __u16 changed_check(const struct packet* packet, const struct plan* plan) {
  if (packet->check == 0) return 0;
  return udp_check((__u16)~packet->check + complement(sum_old_headers(packet, plan)) +
                   sum_new_headers(plan));
}

static __always_inline void build_udp(struct udphdr* udp, const struct plan* plan, __u16 check) {
  udp->source = plan->source_port;
  udp->dest = plan->destination_port;
  udp->len = bpf_htons(new_udp_bytes(plan));
  udp->check = check;
}

// DSCP and ECN travel along; DF does where it exists. What may be fragmented on its way needs an
// identification of this host's own (RFC 6864).
static __always_inline void build_v4(struct v4_headers* headers, const struct packet* packet,
                                     const struct plan* plan, __u16 check) {
  struct iphdr* ip = &headers->ip;
  ip->version = 4;
  ip->ihl = 5;
  ip->tos = packet->traffic_class;
  ip->tot_len = bpf_htons((__u16)(sizeof(*ip) + new_udp_bytes(plan)));
  ip->id = packet->dont_fragment ? 0 : (__u16)bpf_get_prandom_u32();
  ip->frag_off = packet->dont_fragment ? bpf_htons(0x4000) : 0;
  ip->ttl = plan->hop_limit;
  ip->protocol = IPPROTO_UDP;
  ip->check = 0;
  ip->saddr = plan->source.words[3];
  ip->daddr = plan->destination.words[3];
  const __u32* words = (const __u32*)ip;
  ip->check = (__u16)~fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
  build_udp(&headers->udp, plan, check);
  headers->channel_header = plan->channel_header;
}

// The flow label stays 0: it does not travel along (RFC 8656 section 13.2).
static __always_inline void build_v6(struct v6_headers* headers, const struct packet* packet,
                                     const struct plan* plan, __u16 check) {
  struct ipv6hdr* ip = &headers->ip;
  ip->version = 6;
  ip->priority = packet->traffic_class >> 4;
  ip->flow_lbl[0] = (__u8)(packet->traffic_class << 4);
  ip->flow_lbl[1] = 0;
  ip->flow_lbl[2] = 0;
  ip->payload_len = bpf_htons(new_udp_bytes(plan));
  ip->nexthdr = IPPROTO_UDP;
  ip->hop_limit = plan->hop_limit;
  __builtin_memcpy(&ip->saddr, &plan->source, sizeof(ip->saddr));
  __builtin_memcpy(&ip->daddr, &plan->destination, sizeof(ip->daddr));
  build_udp(&headers->udp, plan, check);
  headers->channel_header = plan->channel_header;
}

__attribute__((noinline)) int fastpath_build(union headers* headers, const struct packet* packet,
                                             const struct plan* plan, __u16 check) {
  if (!headers || !packet || !plan) return 0;
  if (plan->is_v6)
    build_v6(&headers->v6, packet, plan, check);
  else
    build_v4(&headers->v4, packet, plan, check);
  return 1;
}

static __always_inline void write_ethernet(struct ethhdr* ethernet,
                                           const struct fastpath_link* link, __u16 protocol) {
  __u16* words = __builtin_assume_aligned(ethernet, 2);
  const __u16* destination = __builtin_assume_aligned(link->destination_mac, 2);
  const __u16* source = __builtin_assume_aligned(link->source_mac, 2);
  words[0] = destination[0];
  words[1] = destination[1];
  words[2] = destination[2];
  words[3] = source[0];
  words[4] = source[1];
  words[5] = source[2];
  words[6] = protocol;
}
