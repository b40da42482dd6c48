#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <utility>

// One RAII type for each C handle of libevent. Only for source files of server/http and
// server/fleet.
namespace relay {

template <auto Free>
struct FreeWith {
  template <typename Handle>
  void operator()(Handle* handle) const {
    Free(handle);
  }
};

using EventBaseHandle = std::unique_ptr<event_base, FreeWith<event_base_free>>;
using EventHandle = std::unique_ptr<event, FreeWith<event_free>>;
using ListenerHandle = std::unique_ptr<evconnlistener, FreeWith<evconnlistener_free>>;
using BuffereventHandle = std::unique_ptr<bufferevent, FreeWith<bufferevent_free>>;
using EvhttpHandle = std::unique_ptr<evhttp, FreeWith<evhttp_free>>;

inline timeval ToTimeval(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(duration - seconds);
  return {.tv_sec = static_cast<time_t>(seconds.count()),
          .tv_usec = static_cast<suseconds_t>(rest.count())};
}

}  // namespace relay
