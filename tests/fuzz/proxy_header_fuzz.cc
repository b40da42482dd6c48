#include <cstddef>
#include <cstdint>

#include "protocol/base/check.h"
#include "server/net/proxy_header.h"

// Any octets as a PROXY protocol header: it lies inside them, and octets that arrive one by one are
// judged no differently from all at once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Verdict = relay::ParsedProxyHeader::Verdict;
  const base::Bytes octets(data, size);
  relay::ParseDatagramProxyHeader(octets);
  const relay::ParsedProxyHeader whole = relay::ParseProxyHeader(octets);
  if (whole.verdict == Verdict::kNeedMore) CHECK(whole.bytes > size);
  if (whole.verdict != Verdict::kComplete) return 0;
  CHECK(whole.bytes <= size && whole.bytes <= relay::kMaxProxyHeaderBytes);
  for (std::size_t bytes = 0; bytes < whole.bytes; ++bytes) {
    const auto part = relay::ParseProxyHeader(octets.first(bytes));
    CHECK(part.verdict == Verdict::kNeedMore && part.bytes > bytes && part.bytes <= whole.bytes);
  }
  return 0;
}
