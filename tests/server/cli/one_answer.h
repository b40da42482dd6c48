#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

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

}  // namespace relay
