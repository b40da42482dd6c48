#pragma once

#include <linux/types.h>

#include "server/datapath/leaky_buckets.h"

// C, in the style of C. NOLINTBEGIN(readability-identifier-naming,modernize-macro-to-enum)

// What the program in the kernel and the process agree on: the one description of keys, records and
// counters, included by C (turn_fastpath.bpf.c) and C++. Addresses are 16 octets, IPv4 as
// ::ffff:a.b.c.d. Addresses, ports and channel numbers stand as on the wire; every other number is
// in host order. Times are nanoseconds of CLOCK_MONOTONIC.
//
// Maps: by_channel and by_peer (hash) hold the index of a record in `routes`. The records, and
// everything else that is not a counter, are arrays in memory that the process shares with the
// kernel. The program compares a record with the key that led to it, so that a hash entry that is
// freed and used again at the same moment leads nowhere instead of to somebody else.

struct fastpath_address {
  __u32 words[4];
};

// A client's channel: the source and destination of its datagrams, and the number in them.
struct fastpath_channel_key {
  struct fastpath_address client;
  struct fastpath_address server;
  __u16 client_port;
  __u16 server_port;
  __u16 channel;
  __u16 zero;
};

// A peer at a relayed transport address: the destination and source of its datagrams. Both are
// local: behind 1:1 NAT, what stands in the packets that this host sees.
struct fastpath_peer_key {
  struct fastpath_address relayed;
  struct fastpath_address peer;
  __u16 relayed_port;
  __u16 peer_port;
};

// The peer is a relayed transport address of this server: what is for it goes on along its own
// route at once, without being sent.
#define FASTPATH_PEER_IS_OWN_RELAY 1U

// Of a source and a destination, folded to 16 bits: what checksums change by (RFC 1624).
struct fastpath_sums {
  __u32 addresses;
  __u32 ports;
};

enum fastpath_direction {
  FASTPATH_CLIENT_TO_PEER = 0,
  FASTPATH_PEER_TO_CLIENT = 1,
  FASTPATH_DIRECTIONS = 2,
};

// The word of a route and direction that keeps packets in order between the program and userspace
// (docs/adr/0015). The program relays only with FASTPATH_TAKEN_OVER, which userspace sets when
// nothing waits there any more. Whatever of the route passes takes that away and adds
// FASTPATH_PASSED_ONE, which wraps around.
#define FASTPATH_TAKEN_OVER 1U
#define FASTPATH_PASSED_ONE 2U

// One channel, for both directions. While a hash entry leads to a record, and for
// FASTPATH_QUARANTINE_NS after that, only `deadline_ns` and the next hops may be written, each by
// one store, and the hand-over words, atomically. From relay to relay only the word of the route
// that the packet came in by counts.
struct fastpath_route {
  struct fastpath_channel_key channel;
  struct fastpath_peer_key peer;
  __u32 slot;  // of the allocation
  __u64 deadline_ns;
  __u32 next_hop_to_client;
  __u32 next_hop_to_peer;  // not used with FASTPATH_PEER_IS_OWN_RELAY
  __u32 flags;
  struct fastpath_sums channel_sums;  // of client and server; made by FastpathMaps::InstallRoute
  struct fastpath_sums peer_sums;     // of relayed and peer; likewise
  __u32 handovers[FASTPATH_DIRECTIONS];
  __u32 reserved;
};

// Longer than any run of the program.
#define FASTPATH_QUARANTINE_NS 1000000000ULL

// How packets leave. Index 0 is never resolved.
struct fastpath_link {
  __u32 ifindex;
  __u32 mtu;  // of the IP packet
  __u8 destination_mac[6];
  __u8 source_mac[6];
  __u16 vlan;  // the tag to push (TCI); 0: none
  __u16 reserved;
};

#define FASTPATH_LINK_VERSIONS 4U
#define FASTPATH_UNRESOLVED FASTPATH_LINK_VERSIONS

// `current` is the version to use, or FASTPATH_UNRESOLVED. Changes are written to the next version
// in turn, then `current` is stored: a run of the program sees the old link or the new one, unless
// as many changes happen during it as there are versions.
struct fastpath_next_hop {
  __u32 current;
  __u32 last;  // the version that was written last; the program does not look
  struct fastpath_link versions[FASTPATH_LINK_VERSIONS];
};

// The limits of an allocation, charged by the program and by userspace.
struct fastpath_slot {
  struct leaky_buckets meters[FASTPATH_DIRECTIONS];
  __u32 user;  // its place among the shared buckets, whose first is the server's
  __u32 reserved;
};

struct fastpath_traffic {
  __u64 packets;
  __u64 bytes;  // of application data
};

// By slot and CPU.
struct fastpath_slot_counters {
  struct fastpath_traffic directions[FASTPATH_DIRECTIONS];
};

// What became of a packet that was not relayed. PASS: userspace has it, unchanged.
enum fastpath_outcome {
  FASTPATH_PASS_MISS = 0,  // a channel or peer without a route
  FASTPATH_PASS_EXPIRED,
  FASTPATH_PASS_IP_OPTIONS,  // or IPv6 extension headers
  FASTPATH_PASS_FRAGMENT,
  FASTPATH_PASS_NO_NEXT_HOP,
  FASTPATH_PASS_OVER_MTU,
  FASTPATH_PASS_ZERO_CHECKSUM,  // over IPv6
  FASTPATH_PASS_MALFORMED,      // lengths that disagree, a broken IPv4 header
  FASTPATH_PASS_PADDED,         // octets after the ChannelData message
  FASTPATH_PASS_CONTROL,        // at a listener, and not ChannelData
  FASTPATH_PASS_SEGMENTED,      // several datagrams in one buffer
  FASTPATH_PASS_VLAN,           // tagged: the VLAN's own interface comes next
  FASTPATH_PASS_HANDOVER,       // must not overtake what still waits in userspace
  FASTPATH_PASS_SYSTEM,         // no memory for the change
  FASTPATH_DROP_OVER_LIMIT,
  FASTPATH_DROP_HOP_LIMIT,  // its TTL, or hop limit, ends here
  FASTPATH_DROP_SYSTEM,     // no memory in the middle of the change
  FASTPATH_OUTCOMES,
};

// By CPU.
struct fastpath_totals {
  struct fastpath_traffic relayed[FASTPATH_DIRECTIONS];
  __u64 outcomes[FASTPATH_OUTCOMES];
};

// An interface with XDP: what comes in for another link-layer address is not for this host. At the
// place of its index modulo FASTPATH_INTERFACES; of two at one place, the first passes everything.
struct fastpath_interface {
  __u32 index;
  __u8 address[6];
  __u16 zero;
};

#define FASTPATH_INTERFACES 1024U

// In one direction. 0: unlimited.
struct fastpath_rates {
  __u64 bytes_per_second;
  __u64 packets_per_second;
};

// Each value is changed by one store.
struct fastpath_config {
  __u64 lease_until_ns;              // past it everything passes; 0 at the start
  struct fastpath_rates allocation;  // of each
  struct fastpath_rates user;        // of all allocations of each user
  struct fastpath_rates total;       // of all allocations
  __u32 new_hop_limit;               // of what leaves; 0: one less than it came with
  __u32 last_channel;                // 0x4fff, or 0x7ffe with RFC 5766
};

// What the process listens on, by destination port. Ports of other programs pass uncounted.
enum fastpath_port_role {
  FASTPATH_PORT_FOREIGN = 0,
  FASTPATH_PORT_LISTENER = 1,
  FASTPATH_PORT_RELAY = 2,
};

struct fastpath_ports {
  __u8 roles[65536];
};

// NOLINTEND(readability-identifier-naming,modernize-macro-to-enum)
