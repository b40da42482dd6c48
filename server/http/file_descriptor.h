#pragma once

#include <unistd.h>

#include <utility>

namespace relay {

// Owns a file descriptor; -1: none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { Close(); }

  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }
  // The caller closes it.
  int Release() { return std::exchange(number_, -1); }

 private:
  void Close() {
    if (number_ >= 0) close(number_);
  }

  int number_ = -1;
};

}  // namespace relay
