#include "server/metrics/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <vector>

namespace relay::process_usage_test {

TEST(ProcessUsage, ReadsWhatTheSystemKnows) {
  const ProcessUsage usage = ReadProcessUsage();
  EXPECT_GT(usage.resident_bytes, 100'000);
  EXPECT_GE(usage.virtual_bytes, usage.resident_bytes);
  EXPECT_GE(usage.max_fds, usage.open_fds);
  EXPECT_GE(usage.cpu_seconds, 0);
}

TEST(ProcessUsage, CountsOpenDescriptors) {
  const double before = ReadProcessUsage().open_fds;
  std::vector<int> descriptors;
  for (int i = 0; i < 5; ++i) descriptors.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ReadProcessUsage().open_fds, before + 5);
  for (const int descriptor : descriptors) close(descriptor);
  EXPECT_EQ(ReadProcessUsage().open_fds, before);
}

TEST(ProcessUsage, StartedNotLongAgoAndNotInTheFuture) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const double start = ReadProcessUsage().start_time_seconds;
  EXPECT_LE(start, now + 2);
  EXPECT_GT(start, now - 3600);
}

}  // namespace relay::process_usage_test
