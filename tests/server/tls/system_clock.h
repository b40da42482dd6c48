#pragma once

#include <chrono>

namespace test_support {

// OpenSSL reads the time of its DTLS timers from the system. In this executable the system's answer
// can be set forward, so that no test waits.
void SetSystemClockForward(std::chrono::seconds by);

}  // namespace test_support
