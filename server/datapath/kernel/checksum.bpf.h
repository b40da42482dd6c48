/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_endian.h>

#include "server/datapath/kernel/fastpath_abi.h"

// Checksums of RFC 1071, with sums of 16-bit and 32-bit words kept in 64 bits: carries are folded
// once at the end. Subtracting is adding the complement.

static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)((sum & 0xffff) + (sum >> 16));
}

static __always_inline __u64 sum_address(const struct fastpath_address* address) {
  // The first half of an IPv4-mapped address counts as nothing: only its 0xffff, which is zero.
  return (__u64)address->words[0] + address->words[1] + address->words[2] + address->words[3];
}

// Of the pseudo-header and the UDP header without its checksum, for either version of IP.
static __always_inline __u64 sum_pseudo_header(const struct fastpath_address* source,
                                               const struct fastpath_address* destination,
                                               __u16 udp_bytes) {
  return sum_address(source) + sum_address(destination) + bpf_htons(udp_bytes) +
         bpf_htons(17 /* UDP */);
}

static __always_inline __u64 sum_udp_header(__u16 source_port, __u16 destination_port,
                                            __u16 udp_bytes) {
  return (__u64)source_port + destination_port + bpf_htons(udp_bytes);
}

// The field for a sum over everything but the field. 0 would say that there is none (RFC 768).
static __always_inline __u16 udp_check(__u64 sum) {
  __u16 check = (__u16)~fold(sum);
  return check ? check : 0xffff;
}

static __always_inline __u64 complement(__u64 sum) { return (__u16)~fold(sum); }
