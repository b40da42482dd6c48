/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "server/datapath/kernel/checksum.bpf.h"
#include "server/datapath/kernel/fastpath_maps.bpf.h"

// Verdicts that are no enum fastpath_outcome: go on, and pass without counting.
#define GO_ON (-1)
#define FOREIGN (-2)

// What a UDP datagram's headers say. Ports, `check` and `first_word` as on the wire.
struct packet {
  struct fastpath_address source;
  struct fastpath_address destination;
  __u16 source_port;
  __u16 destination_port;
  __u16 udp_bytes;
  __u16 check;
  __u16 ip_bytes;  // of the IP header
  __u8 is_v6;
  __u8 traffic_class;
  __u8 hop_limit;
  __u8 dont_fragment;
  __u8 is_segmented;  // several datagrams in one buffer
  __u8 is_fragment;   // the first one of an IPv4 datagram
  __u8 role;          // enum fastpath_port_role of the destination port
  __u32 first_word;   // of the payload, or 0
};

static __always_inline void set_v4(struct fastpath_address* address, __u32 v4) {
  address->words[0] = 0;
  address->words[1] = 0;
  address->words[2] = bpf_htonl(0xffff);
  address->words[3] = v4;
}

static __always_inline int is_v4(const struct fastpath_address* address) {
  return address->words[0] == 0 && address->words[1] == 0 && address->words[2] == bpf_htonl(0xffff);
}

// A sum over a sound IPv4 header is 0xffff.
static __always_inline int has_sound_checksum(const struct iphdr* ip) {
  const __u32* words = (const __u32*)ip;
  return fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]) == 0xffff;
}

static __always_inline int parse_udp(struct packet* packet, const struct udphdr* udp,
                                     const void* end) {
  packet->source_port = udp->source;
  packet->destination_port = udp->dest;
  packet->udp_bytes = bpf_ntohs(udp->len);
  packet->check = udp->check;
  packet->role = role_of_port(bpf_ntohs(udp->dest));
  if (packet->role == FASTPATH_PORT_FOREIGN) return FOREIGN;
  const __u32* payload = (const __u32*)(udp + 1);
  packet->first_word = (const void*)(payload + 1) <= end ? *payload : 0;
  return GO_ON;
}

static __always_inline int parse_v4(struct packet* packet, const struct iphdr* ip, const void* end,
                                    __u32 ip_packet_bytes) {
  if ((const void*)(ip + 1) > end || ip->protocol != IPPROTO_UDP) return FOREIGN;
  if (ip->ihl != 5) return FASTPATH_PASS_IP_OPTIONS;
  if (ip->frag_off & bpf_htons(0x1fff)) return FASTPATH_PASS_FRAGMENT;
  const struct udphdr* udp = (const struct udphdr*)(ip + 1);
  if ((const void*)(udp + 1) > end) return FASTPATH_PASS_MALFORMED;
  const int verdict = parse_udp(packet, udp, end);
  if (verdict != GO_ON) return verdict;
  const __u32 total_bytes = bpf_ntohs(ip->tot_len);
  packet->is_fragment = (ip->frag_off & bpf_htons(0x2000)) != 0;
  if (ip->version != 4 || !has_sound_checksum(ip) || total_bytes > ip_packet_bytes ||
      packet->udp_bytes < sizeof(*udp) ||
      (total_bytes != sizeof(*ip) + packet->udp_bytes && !packet->is_fragment))
    return FASTPATH_PASS_MALFORMED;
  set_v4(&packet->source, ip->saddr);
  set_v4(&packet->destination, ip->daddr);
  packet->ip_bytes = sizeof(*ip);
  packet->is_v6 = 0;
  packet->traffic_class = ip->tos;
  packet->hop_limit = ip->ttl;
  packet->dont_fragment = (ip->frag_off & bpf_htons(0x4000)) != 0;
  return GO_ON;
}

// Between the header and UDP; the others that exist are not found in front of UDP.
static __always_inline int is_extension_header(__u8 next) {
  return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
         next == IPPROTO_AH;
}

static __always_inline int parse_v6(struct packet* packet, const struct ipv6hdr* ip,
                                    const void* end, __u32 ip_packet_bytes) {
  if ((const void*)(ip + 1) > end) return FOREIGN;
  if (ip->nexthdr == IPPROTO_FRAGMENT) return FASTPATH_PASS_FRAGMENT;
  if (is_extension_header(ip->nexthdr)) return FASTPATH_PASS_IP_OPTIONS;
  if (ip->nexthdr != IPPROTO_UDP) return FOREIGN;
  const struct udphdr* udp = (const struct udphdr*)(ip + 1);
  if ((const void*)(udp + 1) > end) return FASTPATH_PASS_MALFORMED;
  const int verdict = parse_udp(packet, udp, end);
  if (verdict != GO_ON) return verdict;
  __builtin_memcpy(&packet->source, &ip->saddr, sizeof(packet->source));
  __builtin_memcpy(&packet->destination, &ip->daddr, sizeof(packet->destination));
  const __u32 payload_bytes = bpf_ntohs(ip->payload_len);
  if (ip->version != 6 || sizeof(*ip) + payload_bytes > ip_packet_bytes ||
      packet->udp_bytes < sizeof(*udp) || payload_bytes != packet->udp_bytes)
    return FASTPATH_PASS_MALFORMED;
  // Would be taken for IPv4 by the keys; no host may send it (RFC 4291 section 2.5.5.2).
  if (is_v4(&packet->source) || is_v4(&packet->destination)) return FASTPATH_PASS_MALFORMED;
  if (packet->check == 0) return FASTPATH_PASS_ZERO_CHECKSUM;
  packet->ip_bytes = sizeof(*ip);
  packet->is_v6 = 1;
  packet->traffic_class = (__u8)(ip->priority << 4 | ip->flow_lbl[0] >> 4);
  packet->hop_limit = ip->hop_limit;
  packet->dont_fragment = 1;
  return GO_ON;
}

// `frame_bytes` are those of the whole frame; [data, end) is at least what there is of headers and
// the first word after them.
static __always_inline int parse(struct packet* packet, const void* data, const void* end,
                                 __u32 frame_bytes) {
  const struct ethhdr* ethernet = data;
  if ((const void*)(ethernet + 1) > end) return FOREIGN;
  if (ethernet->h_dest[0] & 1) return FOREIGN;  // to a group
  const __u32 ip_packet_bytes = frame_bytes - (__u32)sizeof(*ethernet);
  if (ethernet->h_proto == bpf_htons(ETH_P_IP))
    return parse_v4(packet, (const struct iphdr*)(ethernet + 1), end, ip_packet_bytes);
  if (ethernet->h_proto == bpf_htons(ETH_P_IPV6))
    return parse_v6(packet, (const struct ipv6hdr*)(ethernet + 1), end, ip_packet_bytes);
  return FOREIGN;
}
