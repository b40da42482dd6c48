#include "server/app/state_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/crypto.h"
#include "tests/support/temporary_directory.h"

namespace relay::state_directory_test {

using testing::ElementsAre;
using testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

std::size_t CountFiles(const std::string& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    count += entry.exists() ? 1 : 0;
  }
  return count;
}

TEST(StateDirectory, FallsBackToTheEnvironmentAndThenToTheHome) {
  const test_support::ScopedVariable state("STATE_DIRECTORY", "/srv/a:/srv/b");
  const test_support::ScopedVariable xdg("XDG_STATE_HOME", nullptr);
  const test_support::ScopedVariable home("HOME", "/home/alice");
  EXPECT_THAT(StateDirectoryCandidates(Config()),
              ElementsAre("/var/lib/senso-turn", "/srv/a", "/home/alice/.local/state/senso-turn"));
  const test_support::ScopedVariable xdg_set("XDG_STATE_HOME", "/home/alice/state");
  EXPECT_THAT(StateDirectoryCandidates(Config()),
              ElementsAre("/var/lib/senso-turn", "/srv/a", "/home/alice/state/senso-turn"));
}

TEST(StateDirectory, HasNoFallbackWhenItWasNamed) {
  Config config;
  config.state.directory = "/srv/turn";
  EXPECT_THAT(StateDirectoryCandidates(config), ElementsAre("/srv/turn"));
}

TEST(StateDirectory, IsMadeForItsOwnerAlone) {
  const test_support::TemporaryDirectory directory;
  Config config;
  config.state.directory = directory.path() + "/deep/state";
  const auto opened = OpenStateDirectory(config);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened.value(), config.state.directory);
  EXPECT_EQ(ModeOf(opened.value()), mode_t{0700});
}

TEST(StateDirectory, ThatIsAFileIsAnErrorWithTheWayOut) {
  const test_support::TemporaryDirectory directory;
  Config config;
  config.state.directory = directory.Write("state", "");
  const auto opened = OpenStateDirectory(config);
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr("is not a folder"));
  EXPECT_THAT(opened.error().message, HasSubstr("--set state.directory=PATH"));
}

TEST(KeptSecret, IsMadeOnceAndOnlyForItsOwner) {
  const test_support::TemporaryDirectory directory;
  const auto made = KeepSecret(directory.path());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made.value().path, directory.path() + "/secret");
  EXPECT_EQ(ModeOf(made.value().path), mode_t{0600});
  EXPECT_FALSE(made.value().is_world_readable);
  const auto octets = base::Base64Decode(made.value().secret);
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), 32U);
  EXPECT_EQ(KeepSecret(directory.path()).value().secret, made.value().secret);
}

TEST(KeptSecret, IsMadeUnderAnyUmask) {
  const test_support::TemporaryDirectory directory;
  const mode_t before = ::umask(0);
  const auto made = KeepSecret(directory.path());
  ::umask(before);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(ModeOf(made.value().path), mode_t{0600});
}

TEST(KeptSecret, LeavesNothingElseBehind) {
  const test_support::TemporaryDirectory directory;
  ASSERT_TRUE(KeepSecret(directory.path()).ok());
  EXPECT_EQ(CountFiles(directory.path()), 1U);
}

TEST(KeptSecret, IsTheSameForAllWhoAskAtOnce) {
  const test_support::TemporaryDirectory directory;
  std::vector<std::string> secrets(8);
  std::vector<std::thread> threads;
  for (std::string& secret : secrets) {
    threads.emplace_back([&secret, &directory] {
      const auto kept = KeepSecret(directory.path());
      if (kept.ok()) secret = kept.value().secret;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(secrets.begin(), secrets.end()).size(), 1U);
  EXPECT_EQ(secrets[0].size(), 44U);
  EXPECT_EQ(CountFiles(directory.path()), 1U);
}

TEST(KeptSecret, MayBeOfTheOperatorsMaking) {
  const test_support::TemporaryDirectory directory;
  directory.Write("secret", "a secret of the operator\n");
  EXPECT_EQ(KeepSecret(directory.path()).value().secret, "a secret of the operator");
}

TEST(KeptSecret, ThatIsEmptyOrShortIsAnErrorAndStays) {
  for (const char* content : {"", "\n", "short"}) {
    const test_support::TemporaryDirectory directory;
    const std::string path = directory.Write("secret", content);
    const auto kept = KeepSecret(directory.path());
    ASSERT_FALSE(kept.ok());
    EXPECT_THAT(kept.error().message, HasSubstr("'" + path + "'"));
    EXPECT_THAT(kept.error().message, HasSubstr("remove it"));
    EXPECT_TRUE(std::filesystem::exists(path));
  }
}

TEST(KeptSecret, ThatIsAFolderIsAnError) {
  const test_support::TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() + "/secret");
  EXPECT_FALSE(KeepSecret(directory.path()).ok());
}

TEST(KeptSecret, CannotBeMadeWhereThereIsNoFolder) {
  const auto kept = KeepSecret("/nonexistent/senso-turn");
  ASSERT_FALSE(kept.ok());
  EXPECT_THAT(kept.error().message, HasSubstr("/nonexistent/senso-turn"));
}

}  // namespace relay::state_directory_test
