#include "server/log/stderr_writer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "tests/server/log/captured_stderr.h"

namespace relay::stderr_writer_test {

TEST(StderrWriter, WritesToAPipe) {
  CapturedStderr captured;
  StderrWriter writer;
  writer.Write("hello\n");
  EXPECT_EQ(captured.Read(), "hello\n");
  EXPECT_EQ(writer.dropped_lines(), 0U);
}

TEST(StderrWriter, WritesToASocket) {
  const int original = dup(STDERR_FILENO);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  dup2(pair[1], STDERR_FILENO);
  StderrWriter writer;
  writer.Write("hello\n");
  char buffer[16];
  EXPECT_EQ(read(pair[0], buffer, sizeof(buffer)), 6);
  close(pair[0]);
  writer.Write("nobody reads\n");
  EXPECT_EQ(writer.dropped_lines(), 1U);
  dup2(original, STDERR_FILENO);
  close(original);
  close(pair[1]);
}

TEST(StderrWriter, DropsLinesInsteadOfWaitingForAReader) {
  CapturedStderr captured;
  StderrWriter writer;
  const std::string line = std::string(999, 'x') + '\n';
  for (int i = 0; i < 1000; ++i) writer.Write(line);  // a pipe holds 64 KiB
  EXPECT_GT(writer.dropped_lines(), 0U);
  EXPECT_EQ(captured.Read().size(), (1000 - writer.dropped_lines()) * line.size());
  writer.Write("again\n");
  EXPECT_EQ(captured.Read(), "again\n");
}

TEST(StderrWriter, SurvivesAReaderThatIsGone) {
  SecureStandardDescriptors();
  CapturedStderr captured;
  captured.CloseReader();
  StderrWriter writer;
  writer.Write("lost\n");
  EXPECT_EQ(writer.dropped_lines(), 1U);
}

TEST(StderrWriter, NeverTakesASocketOfOursForStandardError) {
  const int original = dup(STDERR_FILENO);
  close(STDERR_FILENO);
  SecureStandardDescriptors();
  struct stat standard_error {};
  struct stat null_device {};
  EXPECT_EQ(fstat(STDERR_FILENO, &standard_error), 0);
  EXPECT_EQ(stat("/dev/null", &null_device), 0);
  EXPECT_EQ(standard_error.st_rdev, null_device.st_rdev);
  dup2(original, STDERR_FILENO);
  close(original);
}

TEST(StderrWriter, IgnoresTheSignalOfABrokenPipe) {
  SecureStandardDescriptors();
  struct sigaction action {};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
}

}  // namespace relay::stderr_writer_test
