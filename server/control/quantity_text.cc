#include "server/control/quantity_text.h"

#include <cstdint>
#include <cstdio>
#include <utility>

namespace relay {

std::string DurationText(std::chrono::nanoseconds duration) {
  std::int64_t rest = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  std::string out;
  for (const auto& [unit, length] : {std::pair{"d ", 86400}, {"h ", 3600}, {"m ", 60}}) {
    if (rest >= length || !out.empty()) out += std::to_string(rest / length) + unit;
    rest %= length;
  }
  return out + std::to_string(rest) + "s";
}

std::string ScaledText(double value) {
  const char* unit = "";
  for (const char* larger : {"k", "M", "G", "T"}) {
    if (value < 1000) break;
    value /= 1000;
    unit = larger;
  }
  char buffer[32];
  const int length =
      std::snprintf(buffer, sizeof(buffer), *unit == '\0' ? "%.0f%s" : "%.1f%s", value, unit);
  return std::string(buffer, static_cast<std::size_t>(length));
}

}  // namespace relay
