/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_endian.h>

// Checksums of RFC 1071. Words stand as in memory; carries are kept in the upper bits and folded in
// at the end.

static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)((sum & 0xffff) + (sum >> 16));
}

static __always_inline __u16 fold32(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)((sum & 0xffff) + (sum >> 16));
}

// A 32-bit word as two of 16 bits.
static __always_inline __u32 halves(__u32 word) { return (word & 0xffff) + (word >> 16); }

// What takes a folded sum away when it is added.
static __always_inline __u32 without(__u32 folded) { return 0xffff - folded; }

// The field for a sum over everything but the field. 0 would say that there is none (RFC 768).
static __always_inline __u16 udp_check(__u32 sum) {
  __u16 check = (__u16)~fold32(sum);
  return check ? check : 0xffff;
}
