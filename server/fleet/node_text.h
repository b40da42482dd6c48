#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/fleet/fleet.h"

namespace relay {

// A node as it stands in the registry (docs/fleet.md). `beat` is another number each time.
struct AnnouncedNode {
  FleetNode node;
  std::uint64_t beat = 0;
};

inline constexpr std::size_t kMaxNodeTextOctets = 16384;

std::string WriteNode(const FleetNode& node, std::uint64_t beat);

// nullopt: it is not one that this version could hand to a client. `text` is any octets; what it
// has besides is ignored, so that later versions can add to it. `announced_at` is left alone.
std::optional<AnnouncedNode> ReadNode(std::string_view text);

// 1 to 253 letters, digits, '.', '-', ':' and brackets: a name or an address.
bool IsNodeName(std::string_view name);

}  // namespace relay
