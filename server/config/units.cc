#include "server/config/units.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace relay {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kDurationUnits[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
constexpr Unit kShortDurationUnits[] = {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}};
constexpr Unit kBitUnits[] = {
    {"gbit", 1'000'000'000}, {"mbit", 1'000'000}, {"kbit", 1'000}, {"bit", 1}};

constexpr std::uint64_t kMaxSeconds = 100ULL * 365 * 86400;

std::string ToLower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// The digits that `text` begins with; they are taken off it.
std::string_view TakeDigits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

std::optional<std::uint64_t> Scale(std::string_view digits, std::uint64_t factor,
                                   std::uint64_t max) {
  const auto number = ParseNumber(digits);
  if (!number || *number > max / factor) return std::nullopt;
  return *number * factor;
}

}  // namespace

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::chrono::seconds> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t seconds = 0;
  std::uint64_t last_factor = std::numeric_limits<std::uint64_t>::max();
  while (!text.empty()) {
    const std::string_view digits = TakeDigits(text);
    std::uint64_t factor = 1;
    if (text.empty()) {
      if (last_factor != std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
    } else {
      const auto* unit = std::ranges::find(kDurationUnits, text.substr(0, 1), &Unit::name);
      if (unit == std::end(kDurationUnits) || unit->factor >= last_factor) return std::nullopt;
      factor = last_factor = unit->factor;
      text.remove_prefix(1);
    }
    const auto part = Scale(digits, factor, kMaxSeconds);
    if (!part) return std::nullopt;
    seconds += *part;
  }
  if (seconds > kMaxSeconds) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(seconds));
}

std::string PrintDuration(std::chrono::seconds duration) {
  const std::int64_t seconds = duration.count();
  if (seconds != 0 && seconds % 86400 == 0) return std::to_string(seconds / 86400) + "d";
  if (seconds != 0 && seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds) + "s";
}

std::optional<std::chrono::microseconds> ParseShortDuration(std::string_view text) {
  if (text == "0") return std::chrono::microseconds(0);
  const std::string_view digits = TakeDigits(text);
  const auto* unit = std::ranges::find(kShortDurationUnits, text, &Unit::name);
  if (unit == std::end(kShortDurationUnits)) return std::nullopt;
  const auto count = Scale(digits, unit->factor, kMaxSeconds);
  if (!count) return std::nullopt;
  return std::chrono::microseconds(static_cast<std::int64_t>(*count));
}

std::string PrintShortDuration(std::chrono::microseconds duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0";
  if (count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + "s";
  if (count % 1'000 == 0) return std::to_string(count / 1'000) + "ms";
  return std::to_string(count) + "us";
}

std::optional<std::uint64_t> ParseBitRate(std::string_view text) {
  if (text == "0") return 0;
  std::string lower = ToLower(text);
  std::string_view rest = lower;
  const std::string_view digits = TakeDigits(rest);
  if (rest.ends_with("/s")) rest.remove_suffix(2);
  const auto* unit = std::ranges::find(kBitUnits, rest, &Unit::name);
  if (unit == std::end(kBitUnits)) return std::nullopt;
  return Scale(digits, unit->factor, std::numeric_limits<std::uint64_t>::max());
}

std::string PrintBitRate(std::uint64_t bits_per_second) {
  if (bits_per_second == 0) return "0";
  if (bits_per_second % 1'000'000'000 == 0) {
    return std::to_string(bits_per_second / 1'000'000'000) + "Gbit";
  }
  if (bits_per_second % 1'000'000 == 0) return std::to_string(bits_per_second / 1'000'000) + "Mbit";
  if (bits_per_second % 1'000 == 0) return std::to_string(bits_per_second / 1'000) + "kbit";
  return std::to_string(bits_per_second) + "bit";
}

std::optional<Config::Rate> ParseRate(std::string_view text) {
  if (text == "0") return Config::Rate{0, std::chrono::seconds(1)};
  const std::string_view digits = TakeDigits(text);
  const auto count = Scale(digits, 1, std::numeric_limits<std::uint32_t>::max());
  if (!count || *count == 0 || text.size() != 2 || text[0] != '/') return std::nullopt;
  const auto* unit = std::ranges::find(kDurationUnits, text.substr(1), &Unit::name);
  if (unit == std::end(kDurationUnits)) return std::nullopt;
  return Config::Rate{static_cast<std::uint32_t>(*count),
                      std::chrono::seconds(static_cast<std::int64_t>(unit->factor))};
}

std::string PrintRate(const Config::Rate& rate) {
  if (rate.count == 0) return "0";
  for (const Unit& unit : kDurationUnits) {
    if (static_cast<std::int64_t>(unit.factor) == rate.period.count()) {
      return std::to_string(rate.count) + "/" + std::string(unit.name);
    }
  }
  return std::to_string(rate.count) + "/s";
}

}  // namespace relay
