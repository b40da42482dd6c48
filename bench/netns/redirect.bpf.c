/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
// The least that a datapath can do: every packet leaves by the other card, unchanged. TARGET is that
// card's index.
#include <linux/bpf.h>

static long (*const redirect_to)(__u32 device, __u64 flags) = (void*)BPF_FUNC_redirect;

__attribute__((section("classifier"), used)) int Redirect(struct __sk_buff* packet) {
  (void)packet;
  return (int)redirect_to(TARGET, 0);
}
