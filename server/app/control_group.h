#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace relay {

// What the control groups of a process allow it: the least of its own group and those above, as far
// as they can be seen; where none can, what the highest one that is mounted says. nullopt: no
// limit.
struct ControlGroupLimits {
  std::optional<std::size_t> cores;     // of its CPU quota, rounded up
  std::optional<std::uint64_t> memory;  // octets

  friend bool operator==(const ControlGroupLimits&, const ControlGroupLimits&) = default;
};

// `root` is where control groups are mounted, of version 1, 2 or both; `membership` says which ones
// the process is in, as /proc/self/cgroup does. What is not there, or not of the form that the
// kernel gives it, is no limit.
ControlGroupLimits FindControlGroupLimits(const std::filesystem::path& root,
                                          std::string_view membership);

// The same for this process.
ControlGroupLimits ReadControlGroupLimits();

}  // namespace relay
