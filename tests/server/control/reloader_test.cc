#include "server/control/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/server/log/captured_stderr.h"
#include "tests/support/temporary_directory.h"

namespace relay::reloader_test {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() { Write("limits: {allocations: 10}\n"); }

  void Write(const std::string& text) { directory_.Write("turn.yaml", text); }
  // As a server that starts with what is written now.
  Reloader Start(const std::vector<std::string>& overrides = {}) {
    LoadedConfig loaded = LoadConfigFile(file_, overrides);
    CHECK(loaded.ok());
    return Reloader(Reloader::Source{file_, overrides, std::move(loaded.config)},
                    [this](const Config& config) -> base::Result<void> {
                      if (!obstacle_.empty()) return base::Error{obstacle_};
                      applied_.push_back(config);
                      return {};
                    });
  }

  test_support::TemporaryDirectory directory_;
  const std::string file_ = directory_.File("turn.yaml");
  std::string obstacle_;
  std::vector<Config> applied_;
  CapturedStderr log_;
};

TEST_F(ReloaderTest, WithoutAFileItFailsAndSaysSo) {
  Reloader reloader(std::nullopt, [](const Config&) -> base::Result<void> { return {}; });
  const Reloader::Report report = reloader.Reload();
  EXPECT_FALSE(report.is_success);
  EXPECT_THAT(report.summary, HasSubstr("started without a configuration file"));
  EXPECT_THAT(log_.Read(), HasSubstr("started without a configuration file"));
}

TEST_F(ReloaderTest, AppliesNothingOfAFileWithErrorsAndTellsThemAll) {
  Reloader reloader = Start();
  Write("limits: {allocations: 5}\npeers: {deny: [nonsense]}\nrelm: a\n");
  const Reloader::Report report = reloader.Reload();
  EXPECT_FALSE(report.is_success);
  EXPECT_EQ(report.summary, "2 errors in '" + file_ + "'; nothing was changed");
  EXPECT_THAT(report.details, ElementsAre(HasSubstr(file_ + ":2: peers.deny[0]: "),
                                          HasSubstr(file_ + ":3: relm: ")));
  EXPECT_THAT(applied_, IsEmpty());
  const std::string log = log_.Read();
  EXPECT_THAT(log, HasSubstr("2 errors in"));
  EXPECT_THAT(log, HasSubstr(":3: relm: "));
}

TEST_F(ReloaderTest, AppliesNothingOfAFileThatIsGone) {
  Reloader reloader = Start();
  std::filesystem::remove(file_);
  const Reloader::Report report = reloader.Reload();
  EXPECT_FALSE(report.is_success);
  EXPECT_THAT(report.details, ElementsAre(EndsWith("No such file or directory")));
  EXPECT_THAT(applied_, IsEmpty());
}

TEST_F(ReloaderTest, AnEmptyFileIsNoConfigurationUnlessItWasOneAtTheStart) {
  Reloader reloader = Start();
  for (const char* text : {"", "\n", "# soon\n"}) {
    Write(text);
    const Reloader::Report report = reloader.Reload();
    EXPECT_FALSE(report.is_success);
    EXPECT_EQ(report.summary, "'" + file_ + "' is empty; nothing was changed");
  }
  EXPECT_THAT(applied_, IsEmpty());
  Reloader content = Start();
  EXPECT_EQ(content.Reload().summary, "nothing has changed");
}

TEST_F(ReloaderTest, AKeyThatNeedsARestartRefusesEverything) {
  Reloader reloader = Start();
  Write("realm: other\nshards: 4\nlimits: {allocations: 5}\n");
  const Reloader::Report report = reloader.Reload();
  EXPECT_FALSE(report.is_success);
  EXPECT_EQ(report.summary, "a restart is needed for realm, shards; nothing was changed");
  EXPECT_THAT(applied_, IsEmpty());
}

TEST_F(ReloaderTest, WhatCannotBeAppliedIsTriedAgain) {
  Reloader reloader = Start();
  Write("limits: {allocations: 5}\n");
  obstacle_ = "the certificate has gone";
  const Reloader::Report refused = reloader.Reload();
  EXPECT_FALSE(refused.is_success);
  EXPECT_EQ(refused.summary, "the certificate has gone; nothing was changed");
  obstacle_.clear();
  EXPECT_EQ(reloader.Reload().summary, "changed limits.allocations");
  EXPECT_THAT(applied_, SizeIs(1));
}

TEST_F(ReloaderTest, AppliesWhatHasChangedOnce) {
  Reloader reloader = Start();
  Write("limits: {allocations: 5}\npeers: {deny: [192.0.2.0/24]}\n");
  EXPECT_EQ(reloader.Reload().summary, "changed peers.deny, limits.allocations");
  ASSERT_THAT(applied_, SizeIs(1));
  EXPECT_EQ(applied_[0].limits.allocations, 5u);
  EXPECT_THAT(applied_[0].peers.deny, SizeIs(1));
  const Reloader::Report again = reloader.Reload();
  EXPECT_TRUE(again.is_success);
  EXPECT_EQ(again.summary, "nothing has changed");
  EXPECT_THAT(applied_, SizeIs(1));
  EXPECT_THAT(log_.Read(), HasSubstr("changed peers.deny, limits.allocations"));
}

TEST_F(ReloaderTest, OverridesOfTheStartStayOnTop) {
  Reloader reloader = Start({"limits.allocations=7"});
  Write("limits: {allocations: 5, allocations_per_user: 3}\n");
  EXPECT_EQ(reloader.Reload().summary, "changed limits.allocations_per_user");
  EXPECT_EQ(applied_.at(0).limits.allocations, 7u);
}

TEST_F(ReloaderTest, ReadsFilesWithSecretsAgainAndKeepsThemToItself) {
  const std::string secret = "the first of two secrets";
  const std::string other = "the second of two secrets";
  directory_.Write("secret", secret);
  Write("auth: {shared_secrets: [{id: k1, secret_file: secret}]}\n");
  Reloader reloader = Start();
  EXPECT_EQ(reloader.Reload().summary, "nothing has changed");
  directory_.Write("secret", other);
  EXPECT_EQ(reloader.Reload().summary, "changed auth.shared_secrets");
  EXPECT_EQ(applied_.at(0).auth.shared_secrets.at(0).secret, other);
  std::filesystem::remove(directory_.File("secret"));
  EXPECT_FALSE(reloader.Reload().is_success);
  EXPECT_THAT(applied_, SizeIs(1));
  const std::string log = log_.Read();
  EXPECT_EQ(log.find(secret), std::string::npos);
  EXPECT_EQ(log.find(other), std::string::npos);
}

TEST_F(ReloaderTest, TellsWarningsOfWhatItHasTakenOver) {
  Reloader reloader = Start();
  Write("lifetimes: {permission: 60s}\n");
  const Reloader::Report report = reloader.Reload();
  EXPECT_TRUE(report.is_success);
  EXPECT_THAT(report.details, testing::Contains(HasSubstr(":1: lifetimes.permission: warning: ")));
}

TEST_F(ReloaderTest, AThousandErrorsDoNotFloodTheLog) {
  Reloader reloader = Start();
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "wrong" + std::to_string(i) + ": 1\n";
  Write(text);
  const Reloader::Report report = reloader.Reload();
  EXPECT_THAT(report.details, SizeIs(1000));
  const std::string log = log_.Read();
  EXPECT_LT(std::count(log.begin(), log.end(), '\n'), 30);
  EXPECT_THAT(log, HasSubstr("left_out=980"));
}

}  // namespace relay::reloader_test
