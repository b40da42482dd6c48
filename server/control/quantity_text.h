#pragma once

#include <chrono>
#include <string>

namespace relay {

// "3d 4h 5m 6s" from the first unit that is not zero.
std::string DurationText(std::chrono::nanoseconds duration);

// 1234567 as "1.2M", with units of 1000.
std::string ScaledText(double value);

}  // namespace relay
