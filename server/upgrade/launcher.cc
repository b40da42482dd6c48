#include "server/upgrade/launcher.h"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "protocol/base/check.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kPollEnd{10};

// The first octet of what the launcher is told. Each but kWordToAddArgument is answered by a
// number.
constexpr char kWordToAddArgument = 'a';  // the rest is the last argument
constexpr char kWordToStart = 's';        // the process; negative: the error number
constexpr char kWordToLook = 'l';         // what waitpid says of it; kRuns: it has not ended
constexpr char kWordToEnd = 'e';          // the same, once it has been ended
constexpr std::int64_t kRuns = -1;
constexpr std::size_t kLongestWord = 4096;

std::string Describe(std::int64_t status) {
  const int value = static_cast<int>(status);
  if (WIFSIGNALED(value)) return "signal " + std::to_string(WTERMSIG(value));
  return "exit code " + std::to_string(WEXITSTATUS(value));
}

// The process that is forked.
class Helper {
 public:
  Helper(int socket, std::vector<std::string> command)
      : socket_(socket), command_(std::move(command)) {}

  // Until nobody is there any more who could ask for something.
  void Run() {
    for (;;) {
      std::array<char, kLongestWord> word{};
      const ssize_t bytes = ::recv(socket_, word.data(), word.size(), 0);
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes <= 0) return;
      const std::string_view rest(word.data() + 1, static_cast<std::size_t>(bytes) - 1);
      if (word.front() == kWordToAddArgument) {
        if (!has_argument_) command_.emplace_back(rest);
        has_argument_ = true;
        continue;
      }
      if (!rest.empty()) return;  // not from a Launcher
      const std::int64_t answer = Answer(word.front());
      if (::send(socket_, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer)) return;
    }
  }

 private:
  std::int64_t Answer(char word) {
    switch (word) {
      case kWordToStart:
        return Start();
      case kWordToEnd:
        if (process_ > 0) ::kill(process_, SIGKILL);
        return Look(0);
      default:
        return Look(WNOHANG);
    }
  }

  std::int64_t Start() {
    if (process_ > 0) return -EBUSY;
    std::vector<char*> arguments;
    arguments.reserve(command_.size() + 1);
    for (std::string& each : command_) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    // As a service manager would start it: nothing is blocked, and nothing ignored.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    const int error =
        ::posix_spawn(&process_, arguments[0], &actions, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error == 0) return process_;
    process_ = 0;
    return -error;
  }

  std::int64_t Look(int options) {
    int status = 0;
    if (process_ <= 0 || ::waitpid(process_, &status, options) != process_) return kRuns;
    process_ = 0;
    return status;
  }

  const int socket_;
  std::vector<std::string> command_;
  bool has_argument_ = false;
  pid_t process_ = 0;
};

[[noreturn]] void BecomeHelper(int socket, const std::vector<std::string>& command) {
  // It ends with the process that it helps, whatever a terminal or a service manager says to all.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_NAME, "turn-launcher");
  constexpr int kSocket = STDERR_FILENO + 1;
  if (socket != kSocket) ::dup2(socket, kSocket);
  ::close_range(kSocket + 1, ~0U, 0);
  Helper(kSocket, command).Run();
  ::_exit(0);  // what the other process has still to write is not written twice
}

}  // namespace

base::Result<std::unique_ptr<Launcher>> Launcher::Fork(const std::vector<std::string>& command) {
  CHECK(!command.empty());
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return base::Error{std::string("cannot make a socket: ") + std::strerror(errno)};
  Descriptor ours(pair[0]);
  Descriptor theirs(pair[1]);
  // Where standard output was closed, whatever this process says there would be words to the
  // launcher.
  if (ours.get() <= STDERR_FILENO || theirs.get() <= STDERR_FILENO)
    return base::Error{"standard input, output or error is closed"};
  const pid_t process = ::fork();
  if (process < 0) return base::Error{std::string("cannot fork: ") + std::strerror(errno)};
  if (process == 0) BecomeHelper(theirs.get(), command);
  return std::unique_ptr<Launcher>(new Launcher(process, std::move(ours)));
}

Launcher::Launcher(pid_t process, Descriptor socket)
    : process_(process), socket_(std::move(socket)) {}

Launcher::~Launcher() {
  socket_ = Descriptor();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Launcher::SetLastArgument(const std::string& argument) {
  const std::string word = kWordToAddArgument + argument;
  CHECK(word.size() <= kLongestWord);
  [[maybe_unused]] const ssize_t sent =
      ::send(socket_.get(), word.data(), word.size(), MSG_NOSIGNAL);
}

base::Result<pid_t> Launcher::Start() {
  ended_.reset();
  const auto answer = Ask(kWordToStart);
  if (!answer) return base::Error{"the process that would start it is gone"};
  if (*answer < 0) {
    return base::Error{std::string("cannot start the program: ") +
                       std::strerror(static_cast<int>(-*answer))};
  }
  return static_cast<pid_t>(*answer);
}

std::optional<std::string> Launcher::Ended() {
  if (ended_) return ended_;
  const auto status = Ask(kWordToLook);
  if (!status) {
    ended_ = "unknown: the process that started it is gone";
  } else if (*status != kRuns) {
    ended_ = Describe(*status);
  }
  return ended_;
}

std::string Launcher::EndBy(base::MonotonicTime deadline) {
  while (!Ended() && base::ReadClocks().monotonic < deadline) std::this_thread::sleep_for(kPollEnd);
  if (!ended_) {
    Ask(kWordToEnd);
    ended_ = "ended by us";
  }
  return *ended_;
}

std::optional<std::int64_t> Launcher::Ask(char word) {
  std::int64_t answer = 0;
  if (::send(socket_.get(), &word, 1, MSG_NOSIGNAL) != 1) return std::nullopt;
  ssize_t bytes = 0;
  do {
    bytes = ::recv(socket_.get(), &answer, sizeof(answer), 0);
  } while (bytes < 0 && errno == EINTR);
  if (bytes != sizeof(answer)) return std::nullopt;
  return answer;
}

}  // namespace relay
