#include "server/http/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <vector>

#include "tests/server/http/loop_thread.h"

namespace relay::event_loop_test {

TEST(EventLoop, RunsPostedTasksInTheirOrder) {
  auto loop = std::move(EventLoop::Create()).value();
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) loop->Post([&order, i] { order.push_back(i); });
  loop->Post([&loop] { loop->Stop(); });
  loop->Run();
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  LoopThread loop;
  int count = 0;  // of the loop's thread
  loop.Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) loop.loop().Post([&count] { ++count; });
    });
  }
  for (auto& thread : threads) thread.join();
  loop.Stop();
  EXPECT_EQ(count, 4000);
}

TEST(EventLoop, ATaskMayPostAnother) {
  auto loop = std::move(EventLoop::Create()).value();
  loop->Post([&] { loop->Post([&] { loop->Stop(); }); });
  loop->Run();
}

TEST(EventLoop, DestroysTasksThatItNeverRan) {
  const auto witness = std::make_shared<int>(1);
  {
    auto loop = std::move(EventLoop::Create()).value();
    loop->Post([witness] {});
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(EventLoop, CallsBackOnASignal) {
  auto loop = std::move(EventLoop::Create()).value();
  int count = 0;
  loop->OnSignal(SIGUSR1, [&] {
    if (++count < 2) {
      std::raise(SIGUSR1);
    } else {
      loop->Stop();
    }
  });
  loop->Post([] { std::raise(SIGUSR1); });
  loop->Run();
  EXPECT_EQ(count, 2);
  loop.reset();
  std::raise(SIGUSR1);  // would end the process
}

TEST(EventLoop, TimersFireInTheOrderOfTheirDeadlines) {
  auto loop = std::move(EventLoop::Create()).value();
  std::vector<int> order;
  Timer late(*loop, [&] {
    order.push_back(2);
    loop->Stop();
  });
  Timer early(*loop, [&] { order.push_back(1); });
  late.Start(std::chrono::milliseconds(20));
  early.Start(std::chrono::milliseconds(1));
  loop->Run();
  EXPECT_THAT(order, testing::ElementsAre(1, 2));
}

TEST(EventLoop, ATimerCanStartItselfAgain) {
  auto loop = std::move(EventLoop::Create()).value();
  int count = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(*loop, [&] {
    if (++count == 3) return loop->Stop();
    timer->Start(std::chrono::nanoseconds(0));
  });
  timer->Start(std::chrono::nanoseconds(0));
  loop->Run();
  EXPECT_EQ(count, 3);
}

TEST(EventLoop, ACancelledOrDestroyedTimerIsSilent) {
  auto loop = std::move(EventLoop::Create()).value();
  int count = 0;
  Timer cancelled(*loop, [&] { ++count; });
  auto destroyed = std::make_unique<Timer>(*loop, [&] { ++count; });
  Timer end(*loop, [&] { loop->Stop(); });
  cancelled.Start(std::chrono::milliseconds(1));
  destroyed->Start(std::chrono::milliseconds(1));
  end.Start(std::chrono::milliseconds(10));
  cancelled.Cancel();
  destroyed.reset();
  loop->Run();
  EXPECT_EQ(count, 0);
}

}  // namespace relay::event_loop_test
