#include "server/http/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "server/http/libevent_handles.h"
#include "server/sandbox/file_rules.h"

namespace relay {
namespace {

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

using EasyHandle = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using MultiHandle = std::unique_ptr<CURLM, FreeWith<curl_multi_cleanup>>;

base::Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return base::Error{"cannot read authorities from " + path + ": " + WhyNotOpened(path, errno)};
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (content.empty()) return base::Error{"there are no authorities in " + path};
  return content;
}

bool StartsWithName(std::string_view line, std::string_view name) {
  return line.size() >= name.size() &&
         std::ranges::equal(line.substr(0, name.size()), name, {}, [](char c) {
           return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
         });
}

// The seconds of a Cache-Control line; no-store and no-cache are none.
std::optional<std::chrono::seconds> MaxAgeOf(std::string_view line) {
  if (line.find("no-store") != std::string_view::npos ||
      line.find("no-cache") != std::string_view::npos) {
    return std::chrono::seconds(0);
  }
  constexpr std::string_view kName = "max-age=";
  const std::size_t at = line.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t count = 0;
  const char* begin = line.data() + at + kName.size();
  const auto [end, problem] = std::from_chars(begin, line.data() + line.size(), count);
  if (problem != std::errc() || end == begin || count < 0) return std::nullopt;
  return std::chrono::seconds(count);
}

constexpr std::string_view kDate = "date:";

std::optional<base::WallTime> DateOf(std::string_view text) {
  const std::time_t time = curl_getdate(std::string(text).c_str(), nullptr);
  if (time < 0) return std::nullopt;
  return std::chrono::system_clock::from_time_t(time);
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(EventLoop& loop, Options options, std::string authorities)
      : loop_(loop),
        options_(std::move(options)),
        authorities_(std::move(authorities)),
        timer_(loop, [this] { Act(CURL_SOCKET_TIMEOUT, 0); }) {
    static const CURLcode library = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECK(library == CURLE_OK);
    multi_.reset(curl_multi_init());
    CHECK(multi_ != nullptr);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, OnSocket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, OnTimer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 8L);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    for (const auto& [handle, transfer] : transfers_) {
      curl_multi_remove_handle(multi_.get(), handle);
    }
    transfers_.clear();
    multi_.reset();  // still calls OnSocket
  }

  void Get(const std::string& url, Done done) {
    EasyHandle easy(curl_easy_init());
    CHECK(easy != nullptr);
    CURL* handle = easy.get();
    auto transfer =
        std::make_unique<Transfer>(std::move(easy), std::move(done), options_.max_bytes);
    Configure(handle, url, *transfer);
    transfers_.emplace(handle, std::move(transfer));
    CHECK(curl_multi_add_handle(multi_.get(), handle) == CURLM_OK);
  }

 private:
  struct Transfer {
    Transfer(EasyHandle handle, Done on_done, std::size_t limit)
        : easy(std::move(handle)), done(std::move(on_done)), max_bytes(limit) {}

    EasyHandle easy;
    Done done;
    std::size_t max_bytes;
    Answer answer;
    char problem[CURL_ERROR_SIZE] = "";
  };
  struct Watch {
    EventHandle event;
  };

  void Configure(CURL* handle, const std::string& url, Transfer& transfer) const {
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!authorities_.empty()) {
      curl_blob blob{const_cast<char*>(authorities_.data()), authorities_.size(), CURL_BLOB_NOCOPY};
      curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (!options_.proxy.empty()) {
      curl_easy_setopt(handle, CURLOPT_PROXY, options_.proxy.c_str());
      curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
    }
    curl_easy_setopt(handle, CURLOPT_PROXYAUTH,
                     static_cast<long>(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    // Without it the end of a transfer waits for the thread that resolves the name.
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "senso-turn/" SENSO_TURN_VERSION);
    curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, nullptr);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer.problem);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  }

  static std::size_t OnBody(char* octets, std::size_t /*one*/, std::size_t size, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (transfer.answer.body.size() + size > transfer.max_bytes) return 0;  // an error for curl
    transfer.answer.body.append(octets, size);
    return size;
  }

  static std::size_t OnHeader(char* octets, std::size_t /*one*/, std::size_t size, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::string_view line(octets, size);
    if (line.starts_with("HTTP/")) {  // those so far were the proxy's
      transfer.answer.max_age.reset();
      transfer.answer.date.reset();
    }
    if (StartsWithName(line, "cache-control:")) transfer.answer.max_age = MaxAgeOf(line);
    if (StartsWithName(line, kDate)) transfer.answer.date = DateOf(line.substr(kDate.size()));
    return size;
  }

  static int OnSocket(CURL* /*handle*/, curl_socket_t socket, int what, void* user, void* /*own*/) {
    static_cast<Impl*>(user)->Follow(socket, what);
    return 0;
  }

  // NOLINTNEXTLINE(google-runtime-int): libcurl's type
  static int OnTimer(CURLM* /*multi*/, long milliseconds, void* user) {
    Timer& timer = static_cast<Impl*>(user)->timer_;
    if (milliseconds < 0) {
      timer.Cancel();
    } else {
      timer.Start(std::chrono::milliseconds(milliseconds));
    }
    return 0;
  }

  void Follow(curl_socket_t socket, int what) {
    watches_.erase(socket);
    if (what == CURL_POLL_REMOVE) return;
    int events = EV_PERSIST;
    if ((what & CURL_POLL_IN) != 0) events |= EV_READ;
    if ((what & CURL_POLL_OUT) != 0) events |= EV_WRITE;
    // NOLINTNEXTLINE(google-runtime-int): libevent's type
    const event_callback_fn on_ready = [](evutil_socket_t ready, short flags, void* self) {
      const int action = ((flags & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
                         ((flags & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
      static_cast<Impl*>(self)->Act(ready, action);
    };
    // NOLINTNEXTLINE(google-runtime-int): libevent's type
    EventHandle event(event_new(loop_.base(), socket, static_cast<short>(events), on_ready, this));
    CHECK(event != nullptr && event_add(event.get(), nullptr) == 0);
    watches_[socket].event = std::move(event);
  }

  void Act(curl_socket_t socket, int action) {
    int running = 0;
    curl_multi_socket_action(multi_.get(), socket, action, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE) Finish(message->easy_handle, message->data.result);
    }
  }

  // `done` may begin another transfer.
  void Finish(CURL* handle, CURLcode code) {
    const auto found = transfers_.find(handle);
    CHECK(found != transfers_.end());
    const std::unique_ptr<Transfer> transfer = std::move(found->second);
    transfers_.erase(found);
    curl_multi_remove_handle(multi_.get(), handle);
    if (code != CURLE_OK) {
      const char* what =
          transfer->problem[0] != '\0' ? transfer->problem : curl_easy_strerror(code);
      transfer->done(base::Error{what});
      return;
    }
    long status = 0;  // NOLINT(google-runtime-int): libcurl's type
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    transfer->answer.status = static_cast<int>(status);
    transfer->done(std::move(transfer->answer));
  }

  EventLoop& loop_;
  Options options_;
  std::string authorities_;  // PEM; empty: the system's, by curl itself
  Timer timer_;
  MultiHandle multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;
  std::map<curl_socket_t, Watch> watches_;
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

base::Result<std::unique_ptr<HttpClient>> HttpClient::Create(EventLoop& loop,
                                                             const Options& options) {
  std::string authorities;
  if (!options.ca_file.empty()) {
    auto further = ReadFile(options.ca_file);
    if (!further.ok()) return further.error();
    const auto system = ReadFile(kSystemAuthorities);
    if (system.ok()) authorities = system.value() + "\n";
    authorities += further.value();
  }
  return std::unique_ptr<HttpClient>(
      new HttpClient(std::make_unique<Impl>(loop, options, std::move(authorities))));
}

void HttpClient::Get(const std::string& url, Done done) { impl_->Get(url, std::move(done)); }

}  // namespace relay
