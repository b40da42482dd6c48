#include "server/upgrade/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace relay::channel_test {

base::MonotonicTime Soon() { return base::ReadClocks().monotonic + std::chrono::seconds(20); }
base::MonotonicTime Now() { return base::ReadClocks().monotonic; }

class Channel : public ::testing::Test {
 protected:
  Channel() {
    std::array<int, 2> ends{};
    CHECK(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
          0);
    one_.emplace(Descriptor(ends[0]));
    other_.emplace(Descriptor(ends[1]));
  }
  std::optional<UpgradeChannel> one_;
  std::optional<UpgradeChannel> other_;
};

TEST_F(Channel, NothingInTimeIsAnError) { EXPECT_FALSE(other_->Receive(Now()).ok()); }

TEST_F(Channel, TheEndOfTheOtherIsAnError) {
  one_.reset();
  EXPECT_FALSE(other_->Receive(Soon()).ok());
  EXPECT_FALSE(other_->Send(1, {}, {}, Soon()).ok());
}

TEST_F(Channel, AnEmptyFrameIsNone) {
  ASSERT_EQ(::send(one_->descriptor(), "", 0, 0), 0);
  EXPECT_FALSE(other_->Receive(Soon()).ok());
}

TEST_F(Channel, AFrameThatIsTooLongIsRefusedAtBothEnds) {
  const std::vector<std::uint8_t> octets(UpgradeChannel::kMaxFrameBytes + 1);
  EXPECT_FALSE(one_->Send(1, octets, {}, Soon()).ok());
  ASSERT_EQ(::send(one_->descriptor(), octets.data(), octets.size(), 0),
            static_cast<ssize_t>(octets.size()));
  EXPECT_FALSE(other_->Receive(Soon()).ok());
}

TEST_F(Channel, TooManyDescriptorsAreRefused) {
  const std::vector<int> descriptors(UpgradeChannel::kMaxDescriptors + 1, 0);
  EXPECT_FALSE(one_->Send(1, {}, descriptors, Soon()).ok());
}

TEST_F(Channel, AFrameComesWithItsDescriptors) {
  const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<std::uint8_t> payload{1, 2, 3};
  ASSERT_TRUE(one_->Send(7, payload, {file.get(), file.get()}, Soon()).ok());
  const auto frame = other_->Receive(Soon());
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame.value().type, 7);
  EXPECT_EQ(frame.value().payload, payload);
  ASSERT_EQ(frame.value().descriptors.size(), 2u);
  struct stat sent {};
  struct stat received {};
  ASSERT_EQ(::fstat(file.get(), &sent), 0);
  ASSERT_EQ(::fstat(frame.value().descriptors[1].get(), &received), 0);
  EXPECT_EQ(received.st_rdev, sent.st_rdev);
  EXPECT_NE(::fcntl(frame.value().descriptors[1].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Channel, WhatWasSaidBeforeNobodyListensIsHeard) {
  ASSERT_TRUE(one_->Send(8, {}, {}, Soon()).ok());
  other_->StopHearing();
  const auto frame = other_->Receive(Now());
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame.value().type, 8);
  EXPECT_FALSE(other_->Receive(Now()).ok());
}

TEST_F(Channel, WhatIsSaidAfterThatFailsForWhoSaysIt) {
  other_->StopHearing();
  EXPECT_FALSE(one_->Send(8, {}, {}, Soon()).ok());
  EXPECT_FALSE(other_->Receive(Now()).ok());
  // The other way nothing has changed.
  EXPECT_TRUE(other_->Send(9, {}, {}, Soon()).ok());
  EXPECT_TRUE(one_->Receive(Soon()).ok());
}

TEST_F(Channel, MoreThanFitsWaitsUntilSomebodyReads) {
  const std::vector<std::uint8_t> payload(60'000);
  int sent = 0;
  while (sent < 1000 && one_->Send(1, payload, {}, Now()).ok()) ++sent;
  ASSERT_LT(sent, 1000);
  ASSERT_TRUE(other_->Receive(Soon()).ok());
  EXPECT_TRUE(one_->Send(1, payload, {}, Soon()).ok());
}

class ListenForUpgrade : public ::testing::Test {
 protected:
  test_support::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/upgrade";
};

TEST_F(ListenForUpgrade, APathThatIsTooLongIsAnError) {
  EXPECT_FALSE(relay::ListenForUpgrade(directory_.path() + std::string(200, 'a')).ok());
}

TEST_F(ListenForUpgrade, AFileThatIsNoSocketStays) {
  const Descriptor file(::open(path_.c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_FALSE(relay::ListenForUpgrade(path_).ok());
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

TEST_F(ListenForUpgrade, WhereSomebodyAnswersNobodyElseListens) {
  const auto first = relay::ListenForUpgrade(path_);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(relay::ListenForUpgrade(path_).ok());
}

TEST_F(ListenForUpgrade, WhatSomebodyLeftIsReplaced) {
  { ASSERT_TRUE(relay::ListenForUpgrade(path_).ok()); }
  EXPECT_TRUE(relay::ListenForUpgrade(path_).ok());
}

TEST_F(ListenForUpgrade, OnlyTheUserMayConnect) {
  const auto listener = relay::ListenForUpgrade(path_);
  ASSERT_TRUE(listener.ok());
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto connected = UpgradeChannel::Connect(path_);
  ASSERT_TRUE(connected.ok());
  EXPECT_EQ(connected.value().PeerUser(), ::geteuid());
  EXPECT_EQ(connected.value().PeerProcess(), ::getpid());
}

}  // namespace relay::channel_test
