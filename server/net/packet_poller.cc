#include "server/net/packet_poller.h"

#include <sched.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

PacketPoller::PacketPoller(boost::asio::io_context& io, std::chrono::microseconds busy_poll,
                           OnReady on_ready)
    : on_ready_(std::move(on_ready)), epoll_(io), busy_poll_(busy_poll) {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(descriptor >= 0);
  epoll_.assign(descriptor);
}

bool PacketPoller::Add(int socket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket, &event) == 0;
}

void PacketPoller::Remove(int socket) {
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, socket, nullptr);
}

void PacketPoller::Start() { Wait(); }

void PacketPoller::Wait() {
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](boost::system::error_code error) {
                      if (!error) Run();
                    });
}

void PacketPoller::Run() {
  for (int round = 0; round < kRounds; ++round) {
    if (Round() || (Yields() && Round())) continue;
    IsSpinning() ? RunLater() : Wait();
    return;
  }
  // Still busy: let the others go first.
  RunLater();
}

// Who sends to us may be waiting for this processor: what it sends now comes as one burst, and
// wakes nobody. Where nobody waits, this costs no more than the look after it.
bool PacketPoller::Yields() {
  const bool has_load = std::exchange(datagrams_, 0) >= kLoad;
  if (has_load) ::sched_yield();
  return has_load;
}

void PacketPoller::RunLater() {
  boost::asio::post(epoll_.get_executor(), [this] { Run(); });
}

bool PacketPoller::IsSpinning() {
  if (busy_poll_ == std::chrono::microseconds(0)) return false;
  const base::MonotonicTime now = base::ReadClocks().monotonic;
  if (had_packets_) spin_until_ = now + busy_poll_;
  had_packets_ = false;
  return now < spin_until_;
}

bool PacketPoller::Round() {
  const int count =
      ::epoll_wait(epoll_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
  ++round_;
  const std::size_t ready = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (ready == 0 && !has_more_) return false;
  if (ready > 0) had_packets_ = true;
  for (std::size_t i = 0; i < ready; ++i)
    ready_[i] = {events_[i].data.fd, (events_[i].events & EPOLLERR) != 0};
  const Served served = on_ready_(std::span<const Ready>(ready_.data(), ready), round_);
  datagrams_ += served.datagrams;
  has_more_ = served.has_more;
  return true;
}

void PacketPoller::ServeOnce() {
  Round();
  FinishLater();
}

void PacketPoller::FinishLater() {
  if (!has_more_ || is_finishing_) return;
  is_finishing_ = true;
  boost::asio::post(epoll_.get_executor(), [this] {
    is_finishing_ = false;
    if (has_more_) ServeOnce();
  });
}

}  // namespace relay
