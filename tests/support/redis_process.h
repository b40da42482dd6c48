#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/check.h"

namespace test_support {

// A real Redis that keeps nothing, on a unix socket, until it is destroyed.
class RedisProcess {
 public:
  explicit RedisProcess(std::string path, const std::vector<std::string>& arguments = {})
      : path_(std::move(path)) {
    std::vector<std::string> words{
        "redis-server", "--port", "0",         "--unixsocket", path_, "--save", "",
        "--appendonly", "no",     "--logfile", path_ + ".log"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    process_ = ::fork();
    CHECK(process_ >= 0);
    if (process_ == 0) {
      ::execvp(pointers[0], pointers.data());
      ::_exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!IsListening()) {
      CHECK(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;
  ~RedisProcess() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  // Whether there is a program to run.
  static bool IsInstalled() {
    return std::system("command -v redis-server >/dev/null 2>&1") == 0;  // NOLINT
  }

  void Hang() const { ::kill(process_, SIGSTOP); }
  const std::string& path() const { return path_; }

  // Sends inline commands, one a line, and returns all that it answered, up to the answer to a
  // PING behind them.
  std::string Tell(const std::string& lines) const {
    const int client = Connect();
    CHECK(client >= 0);
    const std::string text = lines + "PING the-end\r\n";
    CHECK(::send(client, text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
    std::string answer;
    char piece[4096];
    while (answer.find("the-end") == std::string::npos) {
      const ssize_t more = ::recv(client, piece, sizeof(piece), 0);
      if (more <= 0) break;
      answer.append(piece, static_cast<std::size_t>(more));
    }
    ::close(client);
    return answer;
  }

 private:
  int Connect() const {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    CHECK(path_.size() < sizeof(name.sun_path));
    std::memcpy(name.sun_path, path_.data(), path_.size());
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(client, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0) return client;
    ::close(client);
    return -1;
  }
  bool IsListening() const {
    const int client = Connect();
    if (client < 0) return false;
    ::close(client);
    return true;
  }

  const std::string path_;
  pid_t process_ = -1;
};

}  // namespace test_support
