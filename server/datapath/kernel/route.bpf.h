/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include "server/datapath/kernel/parse.bpf.h"

#define CHANNEL_HEADER_BYTES 4U

// What is to leave for a packet. Ports and `channel_header` as on the wire.
struct plan {
  struct fastpath_address source;
  struct fastpath_address destination;
  __u16 source_port;
  __u16 destination_port;
  __u32 channel_header;  // of the ChannelData message; only with `adds_header`
  __u32 data_bytes;      // of application data
  __u8 is_v6;
  __u8 removes_header;  // ChannelData came in
  __u8 adds_header;     // ChannelData goes out
  __u8 hop_limit;
  __u32 route;           // its place in `routes`, and one more; 0: none was found
  __u32 direction;       // of what came in along `route`
  __u32 to_peer_slot;    // only with `removes_header`
  __u32 to_client_slot;  // only with `adds_header`
  __u32 next_hop;
  __u32 link_version;
  struct fastpath_sums old_sums;  // of what came in
  struct fastpath_sums new_sums;  // of what is to leave
};

static __always_inline void start_plan(struct plan* plan, const struct packet* packet) {
  __builtin_memset(plan, 0, sizeof(*plan));
  plan->hop_limit = packet->hop_limit;
}

static __always_inline int is_same_address(const struct fastpath_address* left,
                                           const struct fastpath_address* right) {
  return ((left->words[0] ^ right->words[0]) | (left->words[1] ^ right->words[1]) |
          (left->words[2] ^ right->words[2]) | (left->words[3] ^ right->words[3])) == 0;
}

static __always_inline int is_same_channel(const struct fastpath_channel_key* left,
                                           const struct fastpath_channel_key* right) {
  return is_same_address(&left->client, &right->client) &&
         is_same_address(&left->server, &right->server) &&
         left->client_port == right->client_port && left->server_port == right->server_port &&
         left->channel == right->channel;
}

static __always_inline int is_same_peer(const struct fastpath_peer_key* left,
                                        const struct fastpath_peer_key* right) {
  return is_same_address(&left->relayed, &right->relayed) &&
         is_same_address(&left->peer, &right->peer) && left->relayed_port == right->relayed_port &&
         left->peer_port == right->peer_port;
}

static __always_inline const struct fastpath_route* route_of_channel(
    struct plan* plan, const struct fastpath_channel_key* key) {
  const __u32* found = bpf_map_lookup_elem(&by_channel, key);
  if (!found) return 0;
  const __u32 index = *found;
  const struct fastpath_route* route = bpf_map_lookup_elem(&routes, &index);
  if (!route || !is_same_channel(&route->channel, key)) return 0;
  plan->route = index + 1;
  plan->direction = FASTPATH_CLIENT_TO_PEER;
  return route;
}

static __always_inline const struct fastpath_route* route_of_peer(
    const struct fastpath_peer_key* key, __u32* index) {
  const __u32* found = bpf_map_lookup_elem(&by_peer, key);
  if (!found) return 0;
  *index = *found;
  const struct fastpath_route* route = bpf_map_lookup_elem(&routes, index);
  return route && is_same_peer(&route->peer, key) ? route : 0;
}

static __always_inline __u64 deadline_of(const struct fastpath_route* route) {
  return *(const volatile __u64*)&route->deadline_ns;
}

// A sender that no packet would leave for sits on this host, or nowhere: from outside, its address
// is a false one, and the system knows what to do about that.
static __always_inline int is_outside(const __u32* next_hop) {
  const __u32 index = *(const volatile __u32*)next_hop;
  const struct fastpath_next_hop* hop = bpf_map_lookup_elem(&next_hops, &index);
  return hop && index != 0 && *(const volatile __u32*)&hop->current < FASTPATH_LINK_VERSIONS;
}

// Added first: with the bit, userspace leaves the word alone.
static __always_inline void hold_back(__u32* word) {
  if (__sync_fetch_and_add(word, FASTPATH_PASSED_ONE) & FASTPATH_TAKEN_OVER)
    __sync_fetch_and_and(word, ~FASTPATH_TAKEN_OVER);
}

// What is passed must not be overtaken by what comes after it.
static __always_inline void leave_to_userspace(const struct plan* plan) {
  if (plan->route == 0) return;
  const __u32 index = plan->route - 1;
  struct fastpath_route* route = bpf_map_lookup_elem(&routes, &index);
  if (!route) return;
  // Without CAP_PERFMON, no pointer may be the sum of something that is not known.
  if (plan->direction == FASTPATH_PEER_TO_CLIENT)
    hold_back(&route->handovers[FASTPATH_PEER_TO_CLIENT]);
  else
    hold_back(&route->handovers[FASTPATH_CLIENT_TO_PEER]);
}

static __always_inline int is_taken_over(const struct fastpath_route* route,
                                         enum fastpath_direction direction) {
  return *(const volatile __u32*)&route->handovers[direction] & FASTPATH_TAKEN_OVER;
}

static __always_inline int resolve(struct plan* plan, __u32 next_hop) {
  const struct fastpath_next_hop* hop = bpf_map_lookup_elem(&next_hops, &next_hop);
  if (!hop) return FASTPATH_PASS_NO_NEXT_HOP;
  const __u32 version = *(const volatile __u32*)&hop->current;
  if (version >= FASTPATH_LINK_VERSIONS || next_hop == 0) return FASTPATH_PASS_NO_NEXT_HOP;
  plan->next_hop = next_hop;
  plan->link_version = version;
  const __u32 ip_packet_bytes = (plan->is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
                                sizeof(struct udphdr) +
                                (plan->adds_header ? CHANNEL_HEADER_BYTES : 0) + plan->data_bytes;
  return ip_packet_bytes > hop->versions[version].mtu ? FASTPATH_PASS_OVER_MTU : GO_ON;
}

static __always_inline int plan_to_client(struct plan* plan, const struct fastpath_route* route) {
  plan->source = route->channel.server;
  plan->destination = route->channel.client;
  plan->source_port = route->channel.server_port;
  plan->destination_port = route->channel.client_port;
  plan->channel_header =
      bpf_htonl((__u32)bpf_ntohs(route->channel.channel) << 16 | (plan->data_bytes & 0xffff));
  plan->adds_header = 1;
  plan->new_sums = route->channel_sums;
  plan->to_client_slot = route->slot;
  plan->is_v6 = !is_v4(&plan->destination);
  return resolve(plan, *(const volatile __u32*)&route->next_hop_to_client);
}

static __always_inline int plan_to_peer(struct plan* plan, const struct fastpath_route* route) {
  plan->source = route->peer.relayed;
  plan->destination = route->peer.peer;
  plan->source_port = route->peer.relayed_port;
  plan->destination_port = route->peer.peer_port;
  plan->new_sums = route->peer_sums;
  plan->is_v6 = !is_v4(&plan->destination);
  return resolve(plan, *(const volatile __u32*)&route->next_hop_to_peer);
}

// What a packet of a live route must not be.
static __always_inline int judge_shape(const struct packet* packet) {
  if (packet->is_segmented) return FASTPATH_PASS_SEGMENTED;
  return packet->is_fragment ? FASTPATH_PASS_FRAGMENT : GO_ON;
}

// ChannelData (RFC 8656 section 12.4).
static __always_inline int plan_for_client(struct plan* plan, const struct packet* packet,
                                           const struct fastpath_config* settings, __u64 now) {
  const __u32 payload_bytes = packet->udp_bytes - (__u32)sizeof(struct udphdr);
  const __u32 header = bpf_ntohl(packet->first_word);
  const __u32 channel = header >> 16;
  if (payload_bytes < CHANNEL_HEADER_BYTES || channel < 0x4000 || channel > settings->last_channel)
    return FASTPATH_PASS_CONTROL;
  plan->data_bytes = header & 0xffff;
  if (plan->data_bytes + CHANNEL_HEADER_BYTES > payload_bytes) return FASTPATH_PASS_MALFORMED;

  const struct fastpath_channel_key key = {.client = packet->source,
                                           .server = packet->destination,
                                           .client_port = packet->source_port,
                                           .server_port = packet->destination_port,
                                           .channel = bpf_htons((__u16)channel)};
  const struct fastpath_route* route = route_of_channel(plan, &key);
  if (!route) return FASTPATH_PASS_MISS;
  if (now >= deadline_of(route)) return FASTPATH_PASS_EXPIRED;
  int verdict = judge_shape(packet);
  if (verdict != GO_ON) return verdict;
  if (plan->data_bytes + CHANNEL_HEADER_BYTES < payload_bytes) return FASTPATH_PASS_PADDED;
  if (!is_outside(&route->next_hop_to_client)) return FASTPATH_PASS_NO_NEXT_HOP;
  plan->removes_header = 1;
  plan->old_sums = route->channel_sums;
  plan->to_peer_slot = route->slot;
  if (!(route->flags & FASTPATH_PEER_IS_OWN_RELAY)) {
    verdict = plan_to_peer(plan, route);
  } else {
    // The other allocation receives what would be sent to it.
    const struct fastpath_peer_key other = {.relayed = route->peer.peer,
                                            .peer = route->peer.relayed,
                                            .relayed_port = route->peer.peer_port,
                                            .peer_port = route->peer.relayed_port};
    __u32 index;
    const struct fastpath_route* onward = route_of_peer(&other, &index);
    if (!onward) return FASTPATH_PASS_MISS;
    if (now >= deadline_of(onward)) return FASTPATH_PASS_EXPIRED;
    verdict = plan_to_client(plan, onward);
  }
  if (verdict != GO_ON) return verdict;
  return is_taken_over(route, FASTPATH_CLIENT_TO_PEER) ? GO_ON : FASTPATH_PASS_HANDOVER;
}

static __always_inline int plan_for_peer(struct plan* plan, const struct packet* packet,
                                         __u64 now) {
  plan->data_bytes = packet->udp_bytes - (__u32)sizeof(struct udphdr);
  const struct fastpath_peer_key key = {.relayed = packet->destination,
                                        .peer = packet->source,
                                        .relayed_port = packet->destination_port,
                                        .peer_port = packet->source_port};
  __u32 index;
  const struct fastpath_route* route = route_of_peer(&key, &index);
  if (!route) return FASTPATH_PASS_MISS;
  plan->route = index + 1;
  plan->direction = FASTPATH_PEER_TO_CLIENT;
  if (now >= deadline_of(route)) return FASTPATH_PASS_EXPIRED;
  int verdict = judge_shape(packet);
  if (verdict != GO_ON) return verdict;
  if (!is_outside(&route->next_hop_to_peer)) return FASTPATH_PASS_NO_NEXT_HOP;
  plan->old_sums = route->peer_sums;
  verdict = plan_to_client(plan, route);
  if (verdict != GO_ON) return verdict;
  return is_taken_over(route, FASTPATH_PEER_TO_CLIENT) ? GO_ON : FASTPATH_PASS_HANDOVER;
}

// Everything that can leave a packet to userspace is decided here, before anything is charged. Not
// inline, as other large parts are not: so the verifier looks at each of them once, instead of once
// for each way that leads there.
__attribute__((noinline)) int fastpath_plan(struct plan* plan, const struct packet* packet,
                                            __u64 now) {
  const struct fastpath_config* settings = find_config();
  if (!plan || !packet || !settings) return FASTPATH_PASS_SYSTEM;
  const int verdict = packet->role == FASTPATH_PORT_LISTENER
                          ? plan_for_client(plan, packet, settings, now)
                          : plan_for_peer(plan, packet, now);
  if (verdict != GO_ON) leave_to_userspace(plan);
  return verdict;
}

// What could not be seen before.
__attribute__((noinline)) int fastpath_leave(const struct plan* plan) {
  if (plan) leave_to_userspace(plan);
  return FASTPATH_PASS_SYSTEM;
}

static __always_inline const struct fastpath_link* link_of(const struct plan* plan) {
  const __u32 next_hop = plan->next_hop;
  const struct fastpath_next_hop* hop = bpf_map_lookup_elem(&next_hops, &next_hop);
  const __u32 version = plan->link_version;
  return hop && version < FASTPATH_LINK_VERSIONS ? &hop->versions[version] : 0;
}
