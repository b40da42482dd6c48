#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/net/listener_socket.h"

namespace relay {

// Starts the program that is to take over. A process that serves has given up the right to start
// others (sandbox.h), so that a small process of its own does it: forked from this one before it
// has read a secret or opened anything, it waits, and all that it can be told is to start what it
// was made for, to look after it, and to end it. It ends when this process does (docs/adr/0018).
// One thread at a time.
class Launcher {
 public:
  // `command`: the program's path and its arguments, to which Start adds one. To be called while
  // there is one thread, descriptors 0 to 2 are open, and nothing else is that only this process
  // may have. Error: the system cannot.
  static base::Result<std::unique_ptr<Launcher>> Fork(const std::vector<std::string>& command);
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  // What the program gets as its last argument. The first word counts, for good.
  void SetLastArgument(const std::string& argument);

  // The program with the environment that there was at Fork, standard output and standard error.
  // One at a time. Error: the system cannot start it, or the launcher is gone.
  base::Result<pid_t> Start();
  // How what was started has ended: "exit code 2", "signal 9". nullopt: it has not.
  std::optional<std::string> Ended();
  // Ends it, unless it does so by itself until then, and says how it has ended.
  std::string EndBy(base::MonotonicTime deadline);

 private:
  Launcher(pid_t process, Descriptor socket);

  // A word of the launcher's in answer to one of ours. nullopt: it is gone.
  std::optional<std::int64_t> Ask(char word);

  pid_t process_;
  Descriptor socket_;
  std::optional<std::string> ended_;
};

}  // namespace relay
