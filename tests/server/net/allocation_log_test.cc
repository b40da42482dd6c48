#include "server/net/allocation_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "server/log/log.h"
#include "tests/server/log/captured_stderr.h"

namespace relay::allocation_log_test {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

const base::MonotonicTime kNow(seconds(1000));
const RelayTraffic kTraffic{{{.packets = 3, .bytes = 300}, {.packets = 4, .bytes = 4000}}};

class AllocationLogTest : public testing::Test {
 protected:
  ~AllocationLogTest() override { InitLog(LogFormat::kText, LogLevel::kInfo); }

  void Close(base::MonotonicTime now, std::string_view username = "alice") {
    const turn::Client client{{.client = *base::Endpoint::Parse("192.0.2.1:5000"),
                               .server = *base::Endpoint::Parse("192.0.2.2:3478"),
                               .transport = base::Transport::kUdp},
                              {}};
    log_.OnClosed({.allocation_id = 77,
                   .client = client,
                   .username = username,
                   .relayed = *base::Endpoint::Parse("192.0.2.2:50000"),
                   .reason = turn::CloseReason::kDeleted,
                   .age = std::chrono::milliseconds(1500),
                   .tenant = "acme",
                   .relay = {}},
                  kTraffic, now);
  }
  std::string Read() { return captured_.Read(); }

  CapturedStderr captured_;
  AllocationLog log_;
};

TEST_F(AllocationLogTest, IsALineWithItsTotals) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  Close(kNow);
  EXPECT_THAT(Read(), HasSubstr("info an allocation has ended id=77 user=alice tenant=acme "
                                "reason=deleted transport=udp client=192.0.2.1:5000 "
                                "relayed=192.0.2.2:50000 duration_seconds=1.5 packets_to_peers=3 "
                                "bytes_to_peers=300 packets_to_client=4 bytes_to_client=4000\n"));
}

TEST_F(AllocationLogTest, IsAJsonObjectWithNumbers) {
  InitLog(LogFormat::kJson, LogLevel::kInfo);
  Close(kNow);
  const auto line = boost::json::parse(Read());
  EXPECT_EQ(line.at("id").as_int64(), 77);
  EXPECT_EQ(line.at("reason"), "deleted");
  EXPECT_EQ(line.at("duration_seconds").as_double(), 1.5);
  EXPECT_EQ(line.at("bytes_to_client").as_int64(), 4000);
}

TEST_F(AllocationLogTest, NoUserCanWriteALineOfHisOwn) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  Close(kNow, "x\n2026 error \x1b[2J" + std::string(600, 'y'));
  const std::string text = Read();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_LT(text.size(), 800u);
}

TEST_F(AllocationLogTest, SaysNothingWhereInformationIsNotWanted) {
  InitLog(LogFormat::kText, LogLevel::kWarning);
  Close(kNow);
  log_.Finish();
  EXPECT_EQ(Read(), "");
}

TEST_F(AllocationLogTest, AFloodIsCountedAndNotWritten) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  std::string text;
  for (std::uint32_t i = 0; i < AllocationLog::kBurst + 500; ++i) {
    Close(kNow);
    if (i % 100 == 0) text += Read();
  }
  log_.Advance(kNow);
  text += Read();
  EXPECT_EQ(std::ranges::count(text, '\n'), AllocationLog::kBurst);
  log_.Advance(kNow + seconds(1));
  EXPECT_THAT(Read(), HasSubstr("left_out=500\n"));
  log_.Advance(kNow + seconds(2));
  EXPECT_EQ(Read(), "");
  Close(kNow + seconds(2));
  EXPECT_THAT(Read(), HasSubstr("id=77"));
}

TEST_F(AllocationLogTest, WhatWasLeftOutIsToldAtTheEnd) {
  InitLog(LogFormat::kText, LogLevel::kInfo);
  for (std::uint32_t i = 0; i < AllocationLog::kBurst + 1; ++i) {
    Close(kNow);
    if (i % 100 == 0) Read();
  }
  Read();
  log_.Finish();
  EXPECT_THAT(Read(), HasSubstr("left_out=1\n"));
}

}  // namespace relay::allocation_log_test
