#include "server/http/event_loop.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "server/http/file_descriptor.h"
#include "server/http/libevent_handles.h"
#include "server/log/log.h"

namespace relay {

struct EventLoop::Task {
  std::function<void()> run;
  Task* next;
};

struct EventLoop::Handles {
  EventBaseHandle base;
  FileDescriptor wakeup;
  EventHandle wakeup_event;
};

struct EventLoop::SignalWatch {
  std::function<void()> callback;
  EventHandle handle;
};

base::Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::signal(SIGPIPE, SIG_IGN);  // the library writes to sockets without MSG_NOSIGNAL
  event_set_log_callback([](int, const char* text) {
    Log(LogLevel::kDebug, "the event library warns", {{"text", text}});
  });
  auto handles = std::make_unique<Handles>();
  handles->base.reset(event_base_new());
  handles->wakeup = FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (handles->base == nullptr || !handles->wakeup.is_open()) {
    return base::Error{std::string("cannot create an event loop: ") + std::strerror(errno)};
  }
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(handles)));
}

EventLoop::EventLoop(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {
  // NOLINTNEXTLINE(google-runtime-int): libevent\'s type
  const event_callback_fn on_wakeup = [](evutil_socket_t descriptor, short, void* self) {
    eventfd_t count = 0;
    eventfd_read(descriptor, &count);
    static_cast<EventLoop*>(self)->RunPosted();
  };
  handles_->wakeup_event.reset(event_new(handles_->base.get(), handles_->wakeup.number(),
                                         EV_READ | EV_PERSIST, on_wakeup, this));
  CHECK(handles_->wakeup_event != nullptr);
  CHECK(event_add(handles_->wakeup_event.get(), nullptr) == 0);
}

EventLoop::~EventLoop() {
  Task* task = posted_.exchange(nullptr);
  while (task != nullptr) delete std::exchange(task, task->next);
}

void EventLoop::Run() { event_base_loop(handles_->base.get(), EVLOOP_NO_EXIT_ON_EMPTY); }

void EventLoop::Stop() { event_base_loopexit(handles_->base.get(), nullptr); }

void EventLoop::Post(std::function<void()> task) {
  auto* node = new Task{std::move(task), posted_.load(std::memory_order_relaxed)};
  while (!posted_.compare_exchange_weak(node->next, node, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
  eventfd_write(handles_->wakeup.number(), 1);
}

void EventLoop::RunPosted() {
  // Nodes are only ever taken all at once, so the list needs no protection against reuse of a
  // node's address.
  Task* newest = posted_.exchange(nullptr, std::memory_order_acquire);
  Task* oldest = nullptr;
  while (newest != nullptr) {
    Task* next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != nullptr) {
    const std::unique_ptr<Task> task(oldest);
    oldest = task->next;
    task->run();
  }
}

void EventLoop::OnSignal(int signal, std::function<void()> callback) {
  auto watch = std::make_unique<SignalWatch>();
  watch->callback = std::move(callback);
  // NOLINTNEXTLINE(google-runtime-int): libevent\'s type
  const event_callback_fn on_signal = [](evutil_socket_t, short, void* self) {
    static_cast<SignalWatch*>(self)->callback();
  };
  watch->handle.reset(evsignal_new(handles_->base.get(), signal, on_signal, watch.get()));
  CHECK(watch->handle != nullptr);
  std::signal(signal, SIG_IGN);  // what the loop restores when it ends
  CHECK(event_add(watch->handle.get(), nullptr) == 0);
  signals_.push_back(std::move(watch));
}

event_base* EventLoop::base() const { return handles_->base.get(); }

struct Timer::Handle {
  EventHandle event;
};

Timer::Timer(EventLoop& loop, std::function<void()> callback)
    : callback_(std::move(callback)), handle_(std::make_unique<Handle>()) {
  // NOLINTNEXTLINE(google-runtime-int): libevent\'s type
  const event_callback_fn on_deadline = [](evutil_socket_t, short, void* self) {
    static_cast<Timer*>(self)->callback_();
  };
  handle_->event.reset(evtimer_new(loop.base(), on_deadline, this));
  CHECK(handle_->event != nullptr);
}

Timer::~Timer() = default;

void Timer::Start(std::chrono::nanoseconds delay) {
  const timeval interval = ToTimeval(delay);
  CHECK(evtimer_add(handle_->event.get(), &interval) == 0);
}

void Timer::Cancel() { evtimer_del(handle_->event.get()); }

}  // namespace relay
