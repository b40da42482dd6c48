#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "tests/server/cli/run_command.h"
#include "tests/support/temporary_directory.h"

namespace relay {
namespace {

using testing::HasSubstr;

// Accepts one connection, reads one line and answers it.
class OneAnswer {
 public:
  OneAnswer(const std::string& path, std::string answer) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    CHECK(::listen(fd_, 1) == 0);
    thread_ = std::thread([this, answer = std::move(answer)] { Serve(answer); });
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() {
    thread_.join();
    ::close(fd_);
  }

  std::string Line() {
    thread_.join();
    thread_ = std::thread([] {});
    return line_;
  }

 private:
  void Serve(const std::string& answer) {
    const int client = ::accept(fd_, nullptr, nullptr);
    char octet = 0;
    while (::read(client, &octet, 1) == 1 && octet != '\n') line_ += octet;
    CHECK(::write(client, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()));
    ::close(client);
  }

  int fd_;
  std::string line_;
  std::thread thread_;
};

TEST(Status, AsksOverTheSocketAndPrintsTheAnswer) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/admin.sock";
  OneAnswer server(path, "allocations 3\nshards 2\n");
  const CommandResult result = RunCommand({"status", "--socket", path});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "allocations 3\nshards 2\n");
  EXPECT_EQ(server.Line(), "status");
}

TEST(Status, TakesTheSocketFromTheConfiguration) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/admin.sock";
  const std::string config = directory.Write("turn.yaml", "admin: {socket: " + path + "}\n");
  const OneAnswer server(path, "fine\n");
  EXPECT_EQ(RunCommand({"status", "--config", config}).out, "fine\n");
}

TEST(Status, IsToldWhateverHasHappenedToTheCertificates) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/admin.sock";
  const std::string config = directory.Write(
      "turn.yaml", "admin: {socket: " + path +
                       "}\nlisteners: [{transport: edge, port: 443}]\n"
                       "tls: {certificates: [{certificate: gone.crt, private_key: gone.key}]}\n");
  const OneAnswer server(path, "fine\n");
  const CommandResult result = RunCommand({"status", "--config", config});
  EXPECT_EQ(result.out, "fine\n");
  EXPECT_EQ(result.err, "");
}

TEST(Status, OfAWrongConfigurationIsCodeTwo) {
  const test_support::TemporaryDirectory directory;
  const CommandResult result =
      RunCommand({"status", "--config", directory.Write("turn.yaml", "relm: a\n")});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("relm"));
}

TEST(Status, WithoutAServerFails) {
  const test_support::TemporaryDirectory directory;
  const CommandResult result = RunCommand({"status", "--socket", directory.path() + "/admin.sock"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("senso-turn: no running server is reached"));
}

}  // namespace
}  // namespace relay
