/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */

// The kernel fast path: ChannelData of clients and datagrams of peers that have a route leave by
// the next hop at once. Everything else passes to userspace unchanged. One parse, plan and rewrite;
// two attachments, which differ in how a packet grows and shrinks.

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "server/datapath/kernel/charge.bpf.h"
#include "server/datapath/kernel/parse.bpf.h"
#include "server/datapath/kernel/rewrite.bpf.h"
#include "server/datapath/kernel/tc.bpf.h"
#include "server/datapath/kernel/xdp.bpf.h"

_Static_assert(sizeof(struct fastpath_route) == 128, "a record is two cache lines");

char licence[] SEC("license") = "Dual MIT/GPL";
