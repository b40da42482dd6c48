/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/route.bpf.h"

// The headers after Ethernet of what leaves, in words: IPv4 or IPv6, UDP, and perhaps ChannelData.
#define V4_WORDS 7U
#define V6_WORDS 12U
#define MAX_HEADER_WORDS (V6_WORDS + 1U)

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

// Twice in the sum over a datagram: in the pseudo-header and in that of UDP.
static __always_inline __u32 sum_lengths(__u16 udp_bytes) { return 2U * bpf_htons(udp_bytes); }

// A sender on this machine leaves the sum over the payload to the interface: what stands in the
// field is the sum over the pseudo-header. A finished checksum can be the same by chance; summing
// anew is right for it as well.
static __always_inline int has_unfinished_checksum(const struct packet* packet,
                                                   const struct plan* plan) {
  return packet->check ==
         fold32(plan->old_sums.addresses + bpf_htons(packet->udp_bytes) + bpf_htons(IPPROTO_UDP));
}

// Whether the new checksum cannot be had from the old one. Wide, as it stays on the stack: without
// CAP_PERFMON a smaller value may not take the place of a pointer.
static __always_inline long needs_payload_sum(const struct packet* packet,
                                              const struct plan* plan) {
  return has_unfinished_checksum(packet, plan) || (packet->check == 0 && plan->is_v6);
}

static __always_inline __u32 sum_new_headers(const struct plan* plan) {
  return plan->new_sums.addresses + plan->new_sums.ports + sum_lengths(new_udp_bytes(plan)) +
         (plan->adds_header ? halves(plan->channel_header) : 0);
}

// Without the protocol number, which stays.
static __always_inline __u32 sum_without_old_headers(const struct packet* packet,
                                                     const struct plan* plan) {
  return without(plan->old_sums.addresses) + without(plan->old_sums.ports) +
         2 * without(bpf_htons(packet->udp_bytes)) +
         (plan->removes_header ? halves(~packet->first_word) : 0);
}

// RFC 1624: what the old one says about the payload, with the new headers.
static __always_inline __u16 changed_check(const struct packet* packet, const struct plan* plan) {
  if (packet->check == 0) return 0;
  return udp_check(without(packet->check) + sum_without_old_headers(packet, plan) +
                   sum_new_headers(plan));
}

// From the sum over the payload.
static __always_inline __u16 new_check(__s64 payload_sum, const struct plan* plan) {
  return udp_check(fold((__u64)payload_sum) + sum_new_headers(plan) + bpf_htons(IPPROTO_UDP));
}

static __always_inline void write_udp(__u32* words, const struct plan* plan, __u16 check) {
  __u16* halves_of = (__u16*)words;
  halves_of[0] = plan->source_port;
  halves_of[1] = plan->destination_port;
  halves_of[2] = bpf_htons(new_udp_bytes(plan));
  halves_of[3] = check;
}

// DSCP and ECN travel along; DF does where it exists. What may be fragmented on its way needs an
// identification of this host's own (RFC 6864).
static __always_inline void write_v4(__u32* words, const struct packet* packet,
                                     const struct plan* plan, __u16 check) {
  const __u16 ip_bytes = (__u16)(sizeof(struct iphdr) + new_udp_bytes(plan));
  const __u32 identification = packet->dont_fragment ? 0 : bpf_get_prandom_u32() & 0xffff;
  const __u32 first = bpf_htonl(0x45000000U | (__u32)packet->traffic_class << 16 | ip_bytes);
  const __u32 second = bpf_htonl(identification << 16 | (packet->dont_fragment ? 0x4000U : 0));
  const __u32 third = bpf_htonl((__u32)plan->hop_limit << 24 | IPPROTO_UDP << 16);
  const __u16 ip_check =
      (__u16)~fold32(halves(first) + halves(second) + halves(third) + plan->new_sums.addresses);
  words[0] = first;
  words[1] = second;
  words[2] = third | bpf_htonl(bpf_ntohs(ip_check));
  words[3] = plan->source.words[3];
  words[4] = plan->destination.words[3];
  write_udp(words + 5, plan, check);
}

// The flow label stays 0: it does not travel along (RFC 8656 section 13.2).
static __always_inline void write_v6(__u32* words, const struct packet* packet,
                                     const struct plan* plan, __u16 check) {
  words[0] = bpf_htonl(0x60000000U | (__u32)packet->traffic_class << 20);
  words[1] = bpf_htonl((__u32)new_udp_bytes(plan) << 16 | IPPROTO_UDP << 8 | plan->hop_limit);
  words[2] = plan->source.words[0];
  words[3] = plan->source.words[1];
  words[4] = plan->source.words[2];
  words[5] = plan->source.words[3];
  words[6] = plan->destination.words[0];
  words[7] = plan->destination.words[1];
  words[8] = plan->destination.words[2];
  words[9] = plan->destination.words[3];
  write_udp(words + 10, plan, check);
}

// Writes the new headers to [to, end), where IP begins. False: no room.
static __always_inline int write_headers(void* to, const void* end, const struct packet* packet,
                                         const struct plan* plan, __u16 check) {
  __u32* words = __builtin_assume_aligned(to, 4);  // as far as the system has a say
  if (plan->is_v6) {
    if ((void*)(words + V6_WORDS) > end) return 0;
    write_v6(words, packet, plan, check);
    if (!plan->adds_header) return 1;
    if ((void*)(words + V6_WORDS + 1) > end) return 0;
    words[V6_WORDS] = plan->channel_header;
    return 1;
  }
  if ((void*)(words + V4_WORDS) > end) return 0;
  write_v4(words, packet, plan, check);
  if (!plan->adds_header) return 1;
  if ((void*)(words + V4_WORDS + 1) > end) return 0;
  words[V4_WORDS] = plan->channel_header;
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
