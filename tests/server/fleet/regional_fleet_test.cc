#include "server/fleet/regional_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/fleet/revocation_text.h"

namespace relay::regional_fleet_test {

using auth::Revocation;
using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Without a registry; what goes through Redis is tested with a real one (tests/integration).
class RegionalFleetTest : public testing::Test {
 protected:
  void Open(RegionalFleet::Options options = {}) {
    if (!options.save) {
      options.save = [this](const std::string& text) -> base::Result<void> {
        if (disk_is_full_) return base::Error{"the disk is full"};
        saved_ = text;
        return {};
      };
    }
    fleet_ = std::make_unique<RegionalFleet>(*loop_, std::move(options));
    fleet_->OnRevocations([this](const std::vector<Revocation>& all) {
      values_.clear();
      for (const Revocation& each : all) values_.push_back(each.value);
      ++calls_;
    });
  }
  void RunUntil(const std::function<bool()>& is_over) {
    const base::MonotonicTime deadline = base::ReadClocks().monotonic + std::chrono::seconds(20);
    std::unique_ptr<Timer> poll;
    poll = std::make_unique<Timer>(*loop_, [&] {
      if (is_over() || base::ReadClocks().monotonic > deadline) return loop_->Stop();
      poll->Start(milliseconds(2));
    });
    poll->Start(milliseconds(0));
    loop_->Run();
    EXPECT_TRUE(is_over());
  }
  // What whoever revoked heard.
  base::Result<void> Revoke(const std::string& value, std::chrono::seconds lifetime = hours(1)) {
    const base::WallTime now = base::ReadClocks().wall;
    std::optional<base::Result<void>> outcome;
    fleet_->Revoke({Revocation::Kind::kTenant, value, now, now + lifetime},
                   [&](base::Result<void> done) { outcome = std::move(done); });
    RunUntil([&] { return outcome.has_value(); });
    return *std::move(outcome);
  }

  std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::Create()).value();
  bool disk_is_full_ = false;
  std::optional<std::string> saved_;
  std::vector<std::string> values_;
  int calls_ = 0;
  std::unique_ptr<RegionalFleet> fleet_;
};

TEST_F(RegionalFleetTest, RefusesWhatCouldConcernNobody) {
  Open();
  EXPECT_FALSE(Revoke("").ok());
  EXPECT_FALSE(Revoke(std::string(1000, 'x')).ok());
  EXPECT_TRUE(Revoke("over", std::chrono::seconds(-1)).ok());
  EXPECT_EQ(fleet_->status().revocations, 0u);
}

TEST_F(RegionalFleetTest, ARevocationIsInForceThoughItCannotBeSavedAndThatIsSaid) {
  Open();
  disk_is_full_ = true;
  const auto done = Revoke("acme");
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message, HasSubstr("the disk is full"));
  EXPECT_THAT(values_, ElementsAre("acme"));
  EXPECT_THAT(fleet_->troubles(), ElementsAre(HasSubstr("cannot be saved")));
  EXPECT_FALSE(fleet_->is_idle());
  disk_is_full_ = false;
  RunUntil([&] { return fleet_->is_idle(); });
  EXPECT_THAT(fleet_->troubles(), IsEmpty());
  EXPECT_THAT(*saved_, HasSubstr("tenant"));
}

TEST_F(RegionalFleetTest, DamagedSavedRevocationsAreATrouble) {
  Open({.registry = {},
        .others = {},
        .read_saved = [] { return std::optional<std::string>("senso-turn revocations 1\n"); },
        .save = {},
        .read_counts = {},
        .on_counts = {}});
  EXPECT_THAT(fleet_->troubles(), ElementsAre(HasSubstr("damaged")));
  EXPECT_EQ(fleet_->status().revocations, 0u);
}

TEST_F(RegionalFleetTest, ARevocationIsSavedAndInForceAgainAfterARestart) {
  Open();
  EXPECT_TRUE(Revoke("acme").ok());
  EXPECT_TRUE(Revoke("globex", std::chrono::days(300)).ok());
  EXPECT_THAT(values_, ElementsAre("acme", "globex"));
  ASSERT_TRUE(saved_);
  values_.clear();
  Open({.registry = {},
        .others = {},
        .read_saved = [this] { return saved_; },
        .save = {},
        .read_counts = {},
        .on_counts = {}});
  RunUntil([&] { return values_.size() == 2; });
  EXPECT_THAT(fleet_->troubles(), IsEmpty());
}

TEST_F(RegionalFleetTest, WhatASuccessorSavesIsInForceAndNothingIsSavedOrPromisedHere) {
  RegionalFleet::Options options;
  std::optional<std::string> stored;
  options.read_saved = [&] { return stored; };
  Open(std::move(options));
  EXPECT_TRUE(Revoke("acme").ok());
  fleet_->LeaveToSuccessor();
  const std::optional<std::string> before = saved_;
  const base::Result<void> refused = Revoke("globex");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "another process serves now");
  EXPECT_THAT(values_, ElementsAre("acme"));
  const base::WallTime now = base::ReadClocks().wall;
  stored = WriteSavedRevocations({{Revocation::Kind::kTenant, "initech", now, now + hours(1)}});
  RunUntil([&] { return values_.size() == 2; });
  EXPECT_THAT(values_, testing::UnorderedElementsAre("acme", "initech"));
  EXPECT_EQ(saved_, before);
}

TEST_F(RegionalFleetTest, WhatComesTogetherIsToldAndSavedOnce) {
  Open();
  RunUntil([&] { return calls_ == 1; });
  const base::WallTime now = base::ReadClocks().wall;
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    fleet_->Revoke({Revocation::Kind::kJti, std::to_string(i), now, now + hours(1)},
                   [&](const base::Result<void>& each) { done += each.ok() ? 1 : 0; });
  }
  RunUntil([&] { return done == 100; });
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(values_.size(), 100u);
}

TEST_F(RegionalFleetTest, UsageThatNoRegistryTakesIsDroppedAtSomeTimeAndCounted) {
  RegionalFleet::Options options;
  options.registry.emplace().socket_path = "/nowhere/redis.sock";
  Open(std::move(options));
  fleet_->RecordUsage(std::vector<UsageRecord>(UsageQueue::kMaxWaiting));
  EXPECT_EQ(fleet_->status().usage_records_dropped, 0u);
  fleet_->RecordUsage(std::vector<UsageRecord>(3));
  EXPECT_EQ(fleet_->status().usage_records_dropped, 3u);
}

TEST_F(RegionalFleetTest, AloneItKnowsItself) {
  Open();
  EXPECT_TRUE(fleet_->nodes().empty());
  EXPECT_TRUE(fleet_->unready_reasons().empty());
  FleetNode self;
  self.name = "eu01";
  fleet_->Announce(self);
  ASSERT_EQ(fleet_->nodes().size(), 1u);
  EXPECT_EQ(fleet_->nodes()[0].name, "eu01");
  EXPECT_NE(fleet_->nodes()[0].announced_at, base::WallTime());
  fleet_->Withdraw();
  EXPECT_TRUE(fleet_->nodes().empty());
}

}  // namespace relay::regional_fleet_test
