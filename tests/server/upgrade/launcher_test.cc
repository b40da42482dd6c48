#include "server/upgrade/launcher.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace relay::launcher_test {

base::MonotonicTime Now() { return base::ReadClocks().monotonic; }
base::MonotonicTime Soon() { return Now() + std::chrono::seconds(20); }

// What a shell is to do, with the last argument as $0.
std::unique_ptr<Launcher> LauncherOf(const std::string& script) {
  auto forked = Launcher::Fork({"/bin/sh", "-c", script});
  EXPECT_TRUE(forked.ok());
  return std::move(forked).value();
}

bool WaitForFile(const std::string& path) {
  for (const auto deadline = Soon(); Now() < deadline;) {
    if (std::filesystem::exists(path)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(LauncherTest, AProgramThatIsNotThereIsAnErrorEachTime) {
  auto launcher = Launcher::Fork({"/nowhere/at-all", "serve"});
  ASSERT_TRUE(launcher.ok());
  for (int i = 0; i < 2; ++i) {
    const auto started = launcher.value()->Start();
    ASSERT_FALSE(started.ok());
    EXPECT_NE(started.error().message.find("No such file or directory"), std::string::npos);
  }
}

// Where standard output is closed, its number is the next that is given: what a process prints
// would be words to the launcher, and "senso-turn: ready" begins with the one to start a program.
TEST(LauncherTest, WithoutStandardOutputNothingIsForked) {
  const int kept = ::dup(STDOUT_FILENO);
  ::close(STDOUT_FILENO);
  const auto launcher = Launcher::Fork({"/bin/true"});
  ::dup2(kept, STDOUT_FILENO);
  ::close(kept);
  ASSERT_FALSE(launcher.ok());
  EXPECT_EQ(launcher.error().message, "standard input, output or error is closed");
}

TEST(LauncherTest, SaysHowAProgramHasEnded) {
  const auto launcher = LauncherOf("exit 7");
  ASSERT_TRUE(launcher->Start().ok());
  EXPECT_EQ(launcher->EndBy(Soon()), "exit code 7");
  const auto other = LauncherOf("kill -9 $$");
  ASSERT_TRUE(other->Start().ok());
  EXPECT_EQ(other->EndBy(Soon()), "signal 9");
}

TEST(LauncherTest, CanStartAgainWhatHasEndedAndNothingBesides) {
  const auto launcher = LauncherOf("exec sleep 60");
  ASSERT_TRUE(launcher->Start().ok());
  EXPECT_FALSE(launcher->Ended());
  EXPECT_FALSE(launcher->Start().ok());
  EXPECT_EQ(launcher->EndBy(Now()), "ended by us");
  const auto again = launcher->Start();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(::kill(again.value(), 0), 0);
  launcher->EndBy(Now());
  EXPECT_EQ(::kill(again.value(), 0), -1);
}

TEST(LauncherTest, TheFirstLastArgumentCounts) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.File("first");
  const auto launcher = LauncherOf("touch \"$0\"");
  launcher->SetLastArgument(path);
  launcher->SetLastArgument(directory.File("second"));
  ASSERT_TRUE(launcher->Start().ok());
  EXPECT_EQ(launcher->EndBy(Soon()), "exit code 0");
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(directory.File("second")));
}

TEST(LauncherTest, TheProgramGetsNoDescriptorsAndNoIgnoredSignals) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.File("seen");
  const int open = ::dup(STDERR_FILENO);  // not close-on-exec
  const auto launcher = LauncherOf(
      "{ ls /proc/self/fd | tr '\\n' ' '; grep SigIgn /proc/self/status; } >\"$0\" 2>/dev/null");
  launcher->SetLastArgument(path);
  ASSERT_TRUE(launcher->Start().ok());
  EXPECT_EQ(launcher->EndBy(Soon()), "exit code 0");
  ::close(open);
  std::ifstream file(path);
  std::string descriptors;
  std::string ignored;
  std::getline(file, descriptors, 'S');
  std::getline(file, ignored, '\t');
  std::getline(file, ignored);
  // The fourth is ls's own, for the folder that it lists; from the 32nd on signals are the C
  // library's.
  EXPECT_EQ(descriptors, "0 1 2 3 ");
  EXPECT_EQ(std::stoull(ignored, nullptr, 16) & 0x7FFFFFFF, 0U);
}

TEST(LauncherTest, WhatWasStartedOutlivesTheLauncher) {
  const test_support::TemporaryDirectory directory;
  const std::string begun = directory.File("begun");
  auto launcher = LauncherOf("touch \"$0\"; exec sleep 60");
  launcher->SetLastArgument(begun);
  const auto started = launcher->Start();
  ASSERT_TRUE(started.ok());
  ASSERT_TRUE(WaitForFile(begun));
  launcher.reset();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // and nothing is left of the launcher
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(::kill(started.value(), 0), 0);
  ::kill(started.value(), SIGKILL);
}

TEST(LauncherTest, ALauncherThatIsGoneIsAnErrorAndNoMore) {
  const auto launcher = LauncherOf("kill -9 $PPID");
  const auto started = launcher->Start();
  launcher->EndBy(Soon());
  EXPECT_FALSE(launcher->Start().ok());
}

TEST(LauncherTest, OnlyTheEndOfItsProcessEndsIt) {
  const auto launcher = LauncherOf("kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID; exit 3");
  ASSERT_TRUE(launcher->Start().ok());
  EXPECT_EQ(launcher->EndBy(Soon()), "exit code 3");
  ASSERT_TRUE(launcher->Start().ok());
  EXPECT_EQ(launcher->EndBy(Soon()), "exit code 3");
}

}  // namespace relay::launcher_test
