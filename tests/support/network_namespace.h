#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

namespace test_support {

// A network namespace that ends with the object. The calling thread can enter it; commands run in
// it.
class NetworkNamespace {
 public:
  // nullptr: this process may not make any.
  static std::unique_ptr<NetworkNamespace> Make() {
    const int before = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (before < 0 || ::unshare(CLONE_NEWNET) != 0) {
      ::close(before);
      return nullptr;
    }
    // Inherited by the commands that name it.
    const int made = ::open("/proc/thread-self/ns/net", O_RDONLY);
    const bool is_back = ::setns(before, CLONE_NEWNET) == 0;
    ::close(before);
    if (made < 0 || !is_back) std::abort();
    std::unique_ptr<NetworkNamespace> space(new NetworkNamespace(made));
    if (!space->Run("ip link set lo up")) return nullptr;
    return space;
  }
  ~NetworkNamespace() { ::close(descriptor_); }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  // As ip(8) takes the name of one.
  std::string name() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_);
  }

  // A command of the shell; whether it succeeded.
  bool Run(const std::string& command) const {
    const Visit visit(*this);
    return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c, concurrency-mt-unsafe)
  }

  // The calling thread is inside while one lives.
  class Visit {
   public:
    explicit Visit(const NetworkNamespace& space)
        : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
      if (::setns(space.descriptor_, CLONE_NEWNET) != 0) std::abort();
    }
    ~Visit() {
      if (::setns(before_, CLONE_NEWNET) != 0) std::abort();
      ::close(before_);
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    int before_;
  };

 private:
  explicit NetworkNamespace(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace test_support
