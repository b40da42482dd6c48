#include "server/http/line_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "server/http/line_client.h"
#include "tests/server/http/loop_thread.h"
#include "tests/server/http/stream_client.h"
#include "tests/support/temporary_directory.h"

namespace relay::line_server_test {

using testing::HasSubstr;

class LineServerTest : public testing::Test {
 protected:
  ~LineServerTest() override {
    loop_.Stop();
    server_.reset();
  }

  base::Result<std::unique_ptr<LineServer>> Listen(LineServer::Options options = {
                                                       .socket_path = ""}) {
    options.socket_path = path();
    return LineServer::Listen(loop_.loop(), options,
                              [this](std::string_view line, const LineReply& reply) {
                                if (line == "large")
                                  return reply.Finish(std::string(3'000'000, 'x'));
                                if (line == "nothing") return reply.Finish("");
                                if (line == "later") return later_.push_back(reply);
                                reply.Finish("<" + std::string(line) + ">\n");
                              });
  }
  void Serve(LineServer::Options options = {}) {
    server_ = std::move(Listen(options)).value();
    loop_.Start();
  }
  // Asks on the loop's thread, again and again, until it is so.
  void OnLoop(std::function<bool()> is_so) {
    while (true) {
      std::promise<bool> answer;
      loop_.loop().Post([&] { answer.set_value(is_so()); });
      if (answer.get_future().get()) return;
    }
  }
  std::string path() const { return directory_.File("run/admin.sock"); }

  test_support::TemporaryDirectory directory_;
  LoopThread loop_;
  std::unique_ptr<LineServer> server_;
  std::vector<LineReply> later_;  // loop's thread
};

TEST_F(LineServerTest, AnswersALine) {
  Serve();
  EXPECT_EQ(AskLine(path(), "status json").value(), "<status json>\n");
  EXPECT_EQ(AskLine(path(), "").value(), "<>\n");
}

TEST_F(LineServerTest, AnswersAtAnyLength) {
  Serve();
  EXPECT_EQ(AskLine(path(), "large").value().size(), 3'000'000U);
  EXPECT_EQ(AskLine(path(), "nothing").value(), "");
}

TEST_F(LineServerTest, TakesALineInPiecesAndWithACarriageReturn) {
  Serve();
  StreamClient client(path());
  client.Send("sta");
  client.Send("tus\r\n");
  EXPECT_EQ(client.ReadAll(), "<status>\n");
}

TEST_F(LineServerTest, TakesTheEndOfTheStreamForTheEndOfTheLine) {
  Serve();
  StreamClient client(path());
  client.Send("status");
  client.EndSending();
  EXPECT_EQ(client.ReadAll(), "<status>\n");
}

TEST_F(LineServerTest, AnswersOnlyTheFirstLine) {
  Serve();
  StreamClient client(path());
  client.Send("one\ntwo\n");
  EXPECT_EQ(client.ReadAll(), "<one>\n");
}

TEST_F(LineServerTest, ClosesOnALineThatIsTooLong) {
  Serve({.max_line_bytes = 100});
  StreamClient client(path());
  client.Send(std::string(101, 'x'));
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_EQ(AskLine(path(), std::string(100, 'x')).value().size(), 103U);
}

TEST_F(LineServerTest, ClosesOnAClientThatSaysNothing) {
  Serve({.timeout = std::chrono::milliseconds(30)});
  StreamClient silent(path());
  EXPECT_EQ(silent.ReadAll(), "");
  StreamClient half(path());
  half.Send("stat");
  EXPECT_EQ(half.ReadAll(), "");
}

TEST_F(LineServerTest, ClosesOnAClientThatTakesNoAnswer) {
  Serve({.timeout = std::chrono::milliseconds(50), .max_connections = 1});
  StreamClient slow(path());
  slow.Send("large\n");
  EXPECT_EQ(AskLine(path(), "status").value(), "<status>\n");  // it got the only place
  EXPECT_LT(slow.ReadAll().size(), 3'000'000U);
}

TEST_F(LineServerTest, SurvivesAClientThatLeaves) {
  Serve();
  for (int i = 0; i < 50; ++i) {
    StreamClient client(path());
    if (i % 2 == 0) client.Send("large\n");
  }
  EXPECT_EQ(AskLine(path(), "status").value(), "<status>\n");
}

TEST_F(LineServerTest, TakesItsTimeToAnswerAndDoesSoInParts) {
  Serve({.timeout = std::chrono::milliseconds(30)});
  StreamClient client(path());
  client.Send("later\n");
  OnLoop([this] { return !later_.empty(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(60));  // longer than clients may take
  OnLoop([this] { return later_[0].Send("one\n"); });
  EXPECT_EQ(client.ReadUntil("\n"), "one\n");
  OnLoop([this] {
    later_[0].Finish("two\n");
    EXPECT_FALSE(later_[0].Send("three\n"));
    return true;
  });
  EXPECT_EQ(client.ReadAll(), "two\n");
}

TEST_F(LineServerTest, AnAnswerIsForNobodyWhenTheClientHasLeft) {
  Serve({.max_connections = 1});
  {
    StreamClient client(path());
    client.Send("later\n");
    OnLoop([this] { return !later_.empty(); });
  }
  OnLoop([this] { return !later_[0].Send("more\n"); });
  EXPECT_EQ(AskLine(path(), "status").value(), "<status>\n");  // its place is free
}

TEST_F(LineServerTest, WhatIsAnsweredLastIsStillTaken) {
  Serve();
  StreamClient client(path());
  client.Send("later\n");
  OnLoop([this] { return !later_.empty(); });
  loop_.Stop();
  later_[0].Finish("the end\n");
  server_.reset();
  EXPECT_EQ(client.ReadAll(), "the end\n");
  EXPECT_FALSE(later_[0].Send("nobody hears this"));
}

TEST_F(LineServerTest, LetsFurtherClientsWait) {
  Serve({.max_connections = 2});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(std::make_unique<StreamClient>(path()));
  for (const auto& client : clients) client->Send("status\n");
  for (const auto& client : clients) EXPECT_EQ(client->ReadAll(), "<status>\n");
}

TEST_F(LineServerTest, IsForOwnerAndGroupOnly) {
  Serve();
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
  ASSERT_EQ(stat(directory_.File("run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0750U);
}

TEST_F(LineServerTest, RemovesItsFileWhenItGoes) {
  Serve();
  loop_.Stop();
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(LineServerTest, LeavesTheFileOfItsSuccessor) {
  Serve();
  std::filesystem::remove(path());
  const auto successor = ListenUnix(path());
  loop_.Stop();
  server_.reset();
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(LineServerTest, ReplacesASocketThatNobodyAnswersOn) {
  {
    auto abandoned = ListenUnix(path());
    ASSERT_TRUE(abandoned.ok());
  }
  ASSERT_TRUE(std::filesystem::exists(path()));
  Serve();
  EXPECT_EQ(AskLine(path(), "status").value(), "<status>\n");
}

TEST_F(LineServerTest, DoesNotTakeTheSocketOfALivingServer) {
  Serve();
  const auto second = Listen();
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr("another server answers on"));
  EXPECT_EQ(AskLine(path(), "status").value(), "<status>\n");
}

TEST_F(LineServerTest, DoesNotRemoveAFileThatIsNoSocket) {
  std::filesystem::create_directories(directory_.File("run"));
  std::ofstream(path()) << "precious";
  const auto server = Listen();
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.error().message, HasSubstr("not a socket"));
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST(AskLine, SaysThatNobodyListens) {
  const test_support::TemporaryDirectory directory;
  const auto answer = AskLine(directory.File("none.sock"), "status");
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("No such file or directory"));
}

TEST(AskLine, SaysThatThePathIsTooLong) {
  const auto answer = AskLine("/" + std::string(200, 'x'), "status");
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("longer than 107"));
}

TEST(AskLine, GivesUpOnAServerThatDoesNotAnswer) {
  const test_support::TemporaryDirectory directory;
  const auto listener = ListenUnix(directory.File("deaf.sock"));
  const auto answer = AskLine(directory.File("deaf.sock"), "status", std::chrono::milliseconds(20));
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("timed out"));
}

TEST_F(LineServerTest, AnInheritedSocketIsServedAndItsFileStaysUntilItIsOwned) {
  auto former = std::move(Listen()).value();
  const int copy = ::dup(former->listening_socket());
  former->LeaveFile();
  former.reset();
  ASSERT_EQ(::access(path().c_str(), F_OK), 0);
  {
    // One that takes over, and then does not.
    const auto tried = std::move(Listen({.inherited_socket = ::dup(copy)})).value();
  }
  ASSERT_EQ(::access(path().c_str(), F_OK), 0);
  Serve({.inherited_socket = copy});
  EXPECT_EQ(AskLine(path(), "status").value(), "<status>\n");
  loop_.Stop();
  server_->OwnFile();
  server_.reset();
  EXPECT_NE(::access(path().c_str(), F_OK), 0);
}

}  // namespace relay::line_server_test
