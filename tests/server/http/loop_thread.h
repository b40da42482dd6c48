#pragma once

#include <memory>
#include <thread>

#include "server/http/event_loop.h"

namespace relay {

// An event loop that runs on a thread of its own between Start and Stop.
class LoopThread {
 public:
  LoopThread() : loop_(std::move(EventLoop::Create()).value()) {}
  ~LoopThread() { Stop(); }

  EventLoop& loop() { return *loop_; }
  void Start() {
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    loop_->Post([this] { loop_->Stop(); });
    thread_.join();
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  std::thread thread_;
};

}  // namespace relay
