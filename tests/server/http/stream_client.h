#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/http/file_descriptor.h"
#include "server/http/listening_socket.h"

namespace relay {

// A blocking stream socket to a server under test, which says exactly what it is told. Gives up
// after 10 seconds.
class StreamClient {
 public:
  // To a TCP port of this host.
  explicit StreamClient(std::uint16_t port)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = connect(socket_.number(), reinterpret_cast<const sockaddr*>(&address),
                            sizeof(address)) == 0;
    SetTimeout();
  }
  // To a unix socket.
  explicit StreamClient(const std::string& path) {
    auto connection = ConnectUnix(path);
    is_connected_ = connection.ok();
    if (is_connected_) socket_ = std::move(connection).value();
    SetTimeout();
  }

  bool is_connected() const { return is_connected_; }

  // False: the server has closed.
  bool Send(std::string_view text) {
    return send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  // Ends without a word, as a process does that is killed with unread data.
  void Reset() {
    const linger at_once{1, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    socket_ = FileDescriptor();
  }
  void EndSending() { shutdown(socket_.number(), SHUT_WR); }

  // Up to and including `mark`, or to the end of the stream.
  std::string ReadUntil(std::string_view mark) {
    while (received_.find(mark) == std::string::npos && ReadMore()) {
    }
    const std::size_t position = received_.find(mark);
    const std::size_t length =
        position == std::string::npos ? received_.size() : position + mark.size();
    std::string out = received_.substr(0, length);
    received_.erase(0, length);
    return out;
  }
  std::string ReadAll() {
    while (ReadMore()) {
    }
    return std::exchange(received_, {});
  }
  // One response with a Content-Length, from the first line to the end of its body.
  std::string ReadResponse() {
    std::string response = ReadUntil("\r\n\r\n");
    const std::size_t header = response.find("Content-Length: ");
    if (header == std::string::npos) return response;
    const std::size_t length = std::stoul(response.substr(header + 16));
    while (received_.size() < length && ReadMore()) {
    }
    response += received_.substr(0, length);
    received_.erase(0, length);
    return response;
  }

 private:
  void SetTimeout() {
    const timeval timeout{10, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  }
  bool ReadMore() {
    std::array<char, 4096> chunk;
    const ssize_t count = recv(socket_.number(), chunk.data(), chunk.size(), 0);
    // A server that is silent has not closed the connection.
    if (count < 0 && errno == EAGAIN) ADD_FAILURE() << "nothing came, and no end either";
    if (count <= 0) return false;
    received_.append(chunk.data(), static_cast<std::size_t>(count));
    return true;
  }

  FileDescriptor socket_;
  bool is_connected_ = false;
  std::string received_;
};

}  // namespace relay
