#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/config/config.h"

// How quantities are spelled in a configuration. The parsers answer nullopt for anything that is
// not entirely such a quantity or that overflows; the printers give the shortest spelling that
// parses back.
namespace relay {

std::optional<std::uint64_t> ParseNumber(std::string_view text);  // decimal digits only

// "600s", "10m", "1h30m", "12h", "1d"; a bare number is in seconds.
std::optional<std::chrono::seconds> ParseDuration(std::string_view text);
std::string PrintDuration(std::chrono::seconds duration);

// "50us", "2ms", "1s"; bare only "0".
std::optional<std::chrono::microseconds> ParseShortDuration(std::string_view text);
std::string PrintShortDuration(std::chrono::microseconds duration);

// Bits a second: "50Mbit", "64kbit", "1Gbit", "800bit", each also with "/s"; bare only "0". Powers
// of 1000; upper and lower case are alike.
std::optional<std::uint64_t> ParseBitRate(std::string_view text);
std::string PrintBitRate(std::uint64_t bits_per_second);

// "10/s", "100/m", "5/h"; "0" is unlimited.
std::optional<Config::Rate> ParseRate(std::string_view text);
std::string PrintRate(const Config::Rate& rate);

}  // namespace relay
