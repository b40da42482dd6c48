#include "server/fleet/redis_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace relay::redis_connection_test {

using std::chrono::milliseconds;
using testing::HasSubstr;

// Something that listens where a Redis should be, and says what it was told to say.
class Impostor {
 public:
  Impostor(const std::string& path, std::string says, bool closes = false)
      : says_(std::move(says)), closes_(closes) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.data(), path.size());
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::bind(listening_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
    CHECK(::listen(listening_, 8) == 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Impostor() {
    ::shutdown(listening_, SHUT_RDWR);
    if (const int client = client_; client >= 0) ::shutdown(client, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }

 private:
  void Serve() {
    for (;;) {
      const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      client_ = client;
      char asked[4096];
      if (::recv(client, asked, sizeof(asked), 0) > 0) {
        std::size_t sent = 0;
        while (sent < says_.size()) {
          const ssize_t more =
              ::send(client, says_.data() + sent, says_.size() - sent, MSG_NOSIGNAL);
          if (more <= 0) break;
          sent += static_cast<std::size_t>(more);
        }
        if (!closes_) {
          // Until the other side has had enough.
          while (::recv(client, asked, sizeof(asked), 0) > 0) {
          }
        }
      }
      client_ = -1;
      ::close(client);
    }
  }

  const std::string says_;
  const bool closes_;
  int listening_ = -1;
  std::atomic<int> client_ = -1;  // whom it talks to
  std::thread thread_;
};

class RedisConnectionTest : public testing::Test {
 protected:
  RedisConnectionTest() { address_.socket_path = directory_.File("redis"); }

  void Open() {
    connection_ = std::make_unique<RedisConnection>(
        *loop_, address_,
        RedisConnection::Hooks{.on_up = [this] { ++ups_; }, .on_down = [this] { ++downs_; }});
    connection_->Start();
  }
  // Runs the loop until then; the bound is only there to end a test that fails.
  void RunUntil(const std::function<bool()>& is_over) {
    const base::MonotonicTime deadline = base::ReadClocks().monotonic + std::chrono::seconds(20);
    std::unique_ptr<Timer> poll;
    poll = std::make_unique<Timer>(*loop_, [&] {
      if (is_over() || base::ReadClocks().monotonic > deadline) return loop_->Stop();
      poll->Start(milliseconds(2));
    });
    poll->Start(milliseconds(0));
    loop_->Run();
    EXPECT_TRUE(is_over()) << connection_->trouble();
  }
  void ExpectTrouble(const std::string& expected) {
    Open();
    RunUntil([&] { return connection_->trouble().find(expected) != std::string::npos; });
    EXPECT_FALSE(connection_->is_up());
  }

  test_support::TemporaryDirectory directory_;
  RedisAddress address_;
  std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::Create()).value();
  std::unique_ptr<RedisConnection> connection_;
  int ups_ = 0;
  int downs_ = 0;
};

TEST_F(RedisConnectionTest, SaysThatNobodyIsThere) { ExpectTrouble("No such file"); }

TEST_F(RedisConnectionTest, SaysThatAPathIsTooLong) {
  address_.socket_path = "/" + std::string(200, 'x');
  ExpectTrouble("too long");
}

TEST_F(RedisConnectionTest, SaysThatANameIsNotKnown) {
  address_.socket_path.clear();
  address_.host = "no-such-host.invalid";
  Open();
  // Without a name server it hears nothing, which takes its time, and waits for nobody.
  RunUntil([&] { return !connection_->trouble().empty(); });
  EXPECT_FALSE(connection_->is_up());
}

TEST_F(RedisConnectionTest, ClosesOnWhatIsNoRedis) {
  const Impostor impostor(address_.socket_path, "HTTP/1.1 400 Bad Request\r\n\r\n");
  ExpectTrouble("does not speak the protocol");
}

TEST_F(RedisConnectionTest, ClosesOnAnAnswerThatNobodyAskedFor) {
  const Impostor impostor(address_.socket_path, "+PONG\r\n+PONG\r\n");
  ExpectTrouble("what nobody asked");
  EXPECT_EQ(ups_, downs_);
}

TEST_F(RedisConnectionTest, ClosesOnAnAnswerOfAnotherKind) {
  const Impostor impostor(address_.socket_path, ":1\r\n");
  ExpectTrouble("is no Redis");
}

TEST_F(RedisConnectionTest, ClosesOnAnAnswerWithoutEnd) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "so much does not come through in the time that an answer has";
#endif
#endif
  const Impostor impostor(address_.socket_path,
                          "$500000000\r\n" + std::string(std::size_t{40} << 20, 'x'));
  ExpectTrouble("too long");
}

TEST_F(RedisConnectionTest, ClosesOnAnArrayWithoutEnd) {
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += "*1\r\n";
  const Impostor impostor(address_.socket_path, nested);
  ExpectTrouble("does not speak the protocol");
}

TEST_F(RedisConnectionTest, TakesSilenceForTheEnd) {
  const Impostor impostor(address_.socket_path, "");
  ExpectTrouble("does not answer");
}

TEST_F(RedisConnectionTest, ComesBackEachTimeItIsLost) {
  const Impostor impostor(address_.socket_path, "+PONG\r\n", true);
  Open();
  RunUntil([&] { return ups_ >= 3 && downs_ >= 3; });
  EXPECT_LE(ups_ - downs_, 1);
}

TEST_F(RedisConnectionTest, SaysThatThePasswordIsWrongAndNotWhichItWas) {
  address_.user = "relay";
  address_.password = "hunter2";
  const Impostor impostor(address_.socket_path, "-WRONGPASS no\r\n+PONG\r\n");
  ExpectTrouble("it refuses: WRONGPASS");
  EXPECT_THAT(connection_->trouble(), testing::Not(HasSubstr("hunter2")));
  EXPECT_EQ(ups_, 0);
}

TEST_F(RedisConnectionTest, AnswersWhatWasSentWithoutAConnection) {
  Open();
  RunUntil([&] { return !connection_->trouble().empty(); });
  int lost = 0;
  connection_->Send({"PING"}, [&](const RedisReply& reply) {
    EXPECT_EQ(reply.kind, RedisReply::Kind::kLost);
    ++lost;
  });
  RunUntil([&] { return lost == 1; });
}

TEST_F(RedisConnectionTest, LetsOnlySoMuchWait) {
  const Impostor impostor(address_.socket_path, "+PONG\r\n");
  Open();
  RunUntil([&] { return connection_->is_up(); });
  int refused = 0;
  for (int i = 0; i < 10000; ++i) {
    connection_->Send({"PING"}, [&](const RedisReply& reply) {
      if (reply.text == "too much is waiting") ++refused;
    });
  }
  EXPECT_GT(refused, 5000);
}

}  // namespace relay::redis_connection_test
