#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relay {

// A base chain of netfilter, with its rules as nft prints them.
struct NetfilterChain {
  std::string table;  // "inet filter"
  std::string name;
  std::string hook;  // "input", "prerouting", ...
  bool drops_by_default = false;
  std::vector<std::string> rules;
};

// Reads what `nft list ruleset` prints; chains without a hook are left out, since they say nothing
// without those that jump to them.
std::vector<NetfilterChain> ReadRuleset(const std::string& text);

// What an incoming packet for a UDP port meets there, as far as it can be told from text: rules
// that name other things besides ports (addresses, interfaces, states, sets) decide nothing.
enum class PortVerdict : std::uint8_t {
  kNothing,   // no rule speaks of it
  kAccepted,  // a rule accepts at least one port of the range
  kDropped,   // a rule drops or rejects at least one port of it
  kByDefault  // no rule accepts any of it, and the chain drops what none accepts
};
PortVerdict JudgePorts(const NetfilterChain& chain, std::uint16_t min_port, std::uint16_t max_port);

// The rules of this network namespace. nullopt: they cannot be read (no right to, or no nft).
std::optional<std::vector<NetfilterChain>> ReadNetfilter();

}  // namespace relay
