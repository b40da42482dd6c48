#include "server/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>
#include <thread>
#include <vector>

#include "tests/server/log/captured_stderr.h"

namespace relay::log_test {

using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { InitLog(LogFormat::kText, LogLevel::kInfo); }
  CapturedStderr captured_;
};

TEST_F(LogTest, WritesOneLineOfTextWithTheTimeInUtc) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  Log(LogLevel::kInfo, "listening", {{"address", "0.0.0.0:3478"}, {"shards", 2}, {"tls", false}});
  EXPECT_THAT(
      captured_.Read(),
      MatchesRegex(
          "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z info listening "
          "address=0.0.0.0:3478 shards=2 tls=false\n"));
}

TEST_F(LogTest, WritesOneJsonObjectALine) {
  InitLog(LogFormat::kJson, LogLevel::kInfo);
  Log(LogLevel::kWarning, "a user name of a stranger",
      {{"username", "x\"\n\xff"},
       {"count", std::uint64_t{1} << 63},
       {"ratio", 0.5},
       {"is_new", true}});
  const std::string line = captured_.Read();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const boost::json::object object = boost::json::parse(line).as_object();
  EXPECT_EQ(object.at("level"), "warning");
  EXPECT_EQ(object.at("message"), "a user name of a stranger");
  EXPECT_EQ(object.at("username"), "x\"\n\xef\xbf\xbd");
  EXPECT_EQ(object.at("count").as_uint64(), std::uint64_t{1} << 63);
  EXPECT_EQ(object.at("ratio"), 0.5);
  EXPECT_EQ(object.at("is_new"), true);
  EXPECT_THAT(std::string(object.at("time").as_string()), MatchesRegex("[-0-9]{10}T[:.0-9]{12}Z"));
}

TEST_F(LogTest, JsonStaysJsonWhenANumberIsNone) {
  InitLog(LogFormat::kJson, LogLevel::kInfo);
  Log(LogLevel::kInfo, "odd", {{"value", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_TRUE(boost::json::parse(captured_.Read()).at("value").is_null());
}

TEST_F(LogTest, BoundsALineHoweverManyLongFieldsItHas) {
  InitLog(LogFormat::kJson, LogLevel::kInfo);
  const std::string evil(60'000, '\x01');
  Log(LogLevel::kInfo, evil, {{"a", evil}, {"b", evil}, {"c", evil}, {"short", 1}});
  const std::string line = captured_.Read();
  EXPECT_LE(line.size(), 4096U);
  EXPECT_EQ(boost::json::parse(line).at("is_truncated"), true);
}

TEST_F(LogTest, NeverTakesAMessageForAFormat) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  Log(LogLevel::kInfo, "%s%n{}{0}", {{"username", "%s%n{}"}});
  EXPECT_THAT(captured_.Read(), HasSubstr(" %s%n{}{0} username=%s%n{}\n"));
}

TEST_F(LogTest, QuotesAMessageThatWouldBreakTheLine) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  Log(LogLevel::kInfo, "one\ntwo");
  EXPECT_THAT(captured_.Read(), HasSubstr(R"(info "one\u{a}two")"));
}

TEST_F(LogTest, LeavesOutWhatIsBelowTheLevel) {
  InitLog(LogFormat::kText, LogLevel::kWarning);
  Log(LogLevel::kInfo, "quiet");
  EXPECT_FALSE(IsLogged(LogLevel::kInfo));
  EXPECT_EQ(captured_.Read(), "");
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "loud");
  EXPECT_THAT(captured_.Read(), HasSubstr("debug loud"));
}

TEST_F(LogTest, DoesNotMixTheLinesOfThreads) {
  InitLog(LogFormat::kJson, LogLevel::kInfo);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int n = 0; n < 50; ++n) Log(LogLevel::kInfo, "together", {{"thread", i}, {"n", n}});
    });
  }
  for (auto& thread : threads) thread.join();
  std::istringstream lines(captured_.Read());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_NO_THROW(boost::json::parse(line));
  EXPECT_EQ(count, 200);
}

TEST(LogLimiter, LetsOneLineThroughPerIntervalAndCountsTheRest) {
  LogLimiter limiter(std::chrono::seconds(10));
  const base::MonotonicTime start(std::chrono::seconds(1000));
  EXPECT_EQ(limiter.Admit(start), 0U);
  EXPECT_EQ(limiter.Admit(start), std::nullopt);
  EXPECT_EQ(limiter.Admit(start + std::chrono::milliseconds(9999)), std::nullopt);
  EXPECT_EQ(limiter.Admit(start + std::chrono::seconds(10)), 2U);
  EXPECT_EQ(limiter.Admit(start + std::chrono::seconds(11)), std::nullopt);
}

TEST(LogLimiter, LetsOnlyOneOfManyThreadsThrough) {
  LogLimiter limiter(std::chrono::seconds(10));
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (limiter.Admit(base::MonotonicTime(std::chrono::seconds(5)))) ++admitted;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1);
}

TEST_F(LogTest, ChangesItsFormatWhileItRuns) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  SetLogFormat(LogFormat::kJson);
  Log(LogLevel::kInfo, "one");
  EXPECT_EQ(boost::json::parse(captured_.Read()).at("message"), "one");
  SetLogFormat(LogFormat::kText);
  Log(LogLevel::kInfo, "two");
  EXPECT_THAT(captured_.Read(), HasSubstr("Z info two\n"));
}

}  // namespace relay::log_test
