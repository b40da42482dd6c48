#include "tests/server/tls/system_clock.h"

#include <sys/time.h>

#include <ctime>

namespace test_support {
namespace {

std::chrono::seconds forward{0};

}  // namespace

void SetSystemClockForward(std::chrono::seconds by) { forward += by; }

}  // namespace test_support

// Takes the place of the C library's for all that the executable has loaded.
extern "C" int gettimeofday(timeval* now, void* /*zone*/) noexcept {
  timespec precise{};
  if (::clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  now->tv_sec = precise.tv_sec + test_support::forward.count();
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
