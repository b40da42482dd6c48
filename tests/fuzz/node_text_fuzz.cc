#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/check.h"
#include "protocol/base/ip_address.h"
#include "server/fleet/node_table.h"
#include "server/fleet/node_text.h"

namespace {

bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char each) { return each > ' ' && each < 0x7f; });
}

}  // namespace

// Any octets as a node's entry in the registry: what is read can be handed to a client, and written
// again it reads the same. Nobody fills the table of nodes beyond its size.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (relay::IsNodeName(text)) CHECK(size >= 1 && size <= 253 && IsPlain(text));
  const auto read = relay::ReadNode(text);
  if (!read) return 0;
  CHECK(size <= relay::kMaxNodeTextOctets);
  CHECK(relay::IsNodeName(read->node.name) && IsPlain(read->node.region));
  for (const auto& urls : {read->node.stun_urls, read->node.turn_urls}) {
    CHECK(urls.size() <= 16);
    for (const std::string& url : urls) CHECK(url.size() <= 512 && IsPlain(url));
  }
  for (const std::string& address : read->node.addresses)
    CHECK(base::IpAddress::Parse(address).has_value());

  const auto again = relay::ReadNode(relay::WriteNode(read->node, read->beat));
  CHECK(again && again->node == read->node && again->beat == read->beat);

  relay::NodeTable table;
  const base::MonotonicTime now{std::chrono::hours(1)};
  table.OnAnswer(now);
  for (std::uint64_t beat = 0; beat < 3; ++beat)
    table.OnNode({read->node, read->beat + beat}, base::WallTime{std::chrono::hours(1)});
  const auto listed = table.List();
  CHECK(listed.size() <= 1);
  return 0;
}
