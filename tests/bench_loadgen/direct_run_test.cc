#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "bench/loadgen/load_run.h"
#include "bench/loadgen/machine.h"

// The generator without a server: clients and peers meet on loopback.
namespace loadgen::direct_run_test {

Options Direct(Direction direction, const std::string& json_file) {
  Options options;
  options.mode = Mode::kDirect;
  options.direction = direction;
  options.allocations = 3;
  options.peers = 2;
  options.in_flight = 8;
  options.duration_seconds = 0.1;
  options.peer_address = base::IpAddress::Parse("127.0.0.1");
  options.max_loss_percent = 0;
  options.json_file = json_file;
  options.is_quiet = true;
  return options;
}

std::string Contents(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(DirectRun, EveryPayloadArrivesInEveryDirection) {
  const std::string file = testing::TempDir() + "direct_run_test.json";
  for (const Direction direction : {Direction::kBoth, Direction::kEcho}) {
    const base::Result<int> code = loadgen::Run(Direct(direction, file));
    ASSERT_TRUE(code.ok()) << code.error().message;
    // 0 says that something was sent in each lane, and that all of it arrived whole.
    EXPECT_EQ(code.value(), 0);
    const std::string report = Contents(file);
    EXPECT_NE(report.find(direction == Direction::kEcho ? "\"echo\"" : "\"down\""),
              std::string::npos);
    EXPECT_NE(report.find("\"requests\":0"), std::string::npos) << report;
  }
}

TEST(DirectRun, ANamespaceThatDoesNotExistIsAnError) {
  Options options = Direct(Direction::kUp, "");
  options.peer_namespace = "/nonexistent/namespace";
  const base::Result<int> code = loadgen::Run(options);
  ASSERT_FALSE(code.ok());
  EXPECT_NE(code.error().message.find("/nonexistent/namespace"), std::string::npos);
}

TEST(DirectRun, TimeOfThreadsOnlyGrowsAndWhatIsGoneTookNone) {
  const double before = ThreadSeconds({::getpid()});
  EXPECT_GT(before, 0);
  EXPECT_GE(ThreadSeconds({::getpid()}), before);
  EXPECT_EQ(ThreadSeconds({}), 0);
  EXPECT_EQ(ThreadSeconds({1 << 30}), 0);
}

TEST(DirectRun, NoNamespaceChangesNothing) { EXPECT_TRUE(NetworkNamespace::Enter("").ok()); }

}  // namespace loadgen::direct_run_test
