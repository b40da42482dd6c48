#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "protocol/base/result.h"

struct event_base;

namespace relay {

class Timer;

// The control plane's loop: one thread calls Run and every callback happens there. All functions
// are for that thread (or for others before Run begins), except Post. Timers and servers on the
// loop must be destroyed before it.
class EventLoop {
 public:
  // Fails when the system is out of descriptors. From then on the process ignores SIGPIPE.
  static base::Result<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Returns after Stop; may be called again.
  void Run();
  // Run returns after the callbacks that are due now.
  void Stop();

  // Runs `task` on the loop's thread soon, in the order of posting by one thread. Any thread,
  // lock-free. A task that the loop never got to is destroyed with it.
  void Post(std::function<void()> task);

  // Calls back whenever the process gets the signal. One loop per process may watch signals. After
  // the loop the signal is ignored: whoever is ending already is not ended by it.
  void OnSignal(int signal, std::function<void()> callback);

  // For the other classes in this folder.
  event_base* base() const;

 private:
  struct Task;
  struct Handles;
  struct SignalWatch;

  explicit EventLoop(std::unique_ptr<Handles> handles);
  void RunPosted();

  std::unique_ptr<Handles> handles_;
  std::vector<std::unique_ptr<SignalWatch>> signals_;
  std::atomic<Task*> posted_{nullptr};  // newest first
};

// A deadline on a loop. It does nothing until started and calls back never after its destruction.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> callback);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Calls back once after `delay`; a pending start is replaced. The callback may start it again.
  void Start(std::chrono::nanoseconds delay);
  void Cancel();

 private:
  struct Handle;

  std::function<void()> callback_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace relay
