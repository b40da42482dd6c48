#include "server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "tests/server/http/loop_thread.h"
#include "tests/server/http/stream_client.h"

namespace relay::http_server_test {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

base::Endpoint Loopback(std::uint16_t port = 0) {
  return {*base::IpAddress::Parse("127.0.0.1"), port};
}

class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override {
    loop_.Stop();
    server_.reset();
  }

  void Serve(HttpServer::Options options = {}) {
    options.address = Loopback();
    server_ = std::move(HttpServer::Listen(loop_.loop(), options,
                                           [this](HttpRequest request, HttpReply reply) {
                                             Answer(std::move(request), std::move(reply));
                                           }))
                  .value();
    loop_.Start();
  }
  void Answer(HttpRequest request, HttpReply reply) {
    last_request_ = request;
    if (request.path() == "/large") return reply(TextResponse(200, std::string(8'000'000, 'x')));
    if (request.path() == "/later") return late_.set_value(std::move(reply));
    HttpResponse response = TextResponse(200, request.method + " " + request.target + "\n");
    response.headers.emplace_back("X-Answer", "yes");
    reply(std::move(response));
  }
  // The reply to the next request of /later.
  HttpReply TakeLate() {
    HttpReply reply = late_.get_future().get();
    late_ = {};
    return reply;
  }
  // On the loop's thread, to the end.
  void OnLoop(const std::function<void()>& task) {
    std::promise<void> done;
    loop_.loop().Post([&] {
      task();
      done.set_value();
    });
    done.get_future().get();
  }
  std::uint16_t port() const { return server_->port(); }
  // What the handler saw last. Ends the loop's thread first.
  const std::optional<HttpRequest>& LastRequest() {
    loop_.Stop();
    return last_request_;
  }

  LoopThread loop_;
  std::unique_ptr<HttpServer> server_;
  std::optional<HttpRequest> last_request_;
  std::promise<HttpReply> late_;
};

constexpr const char* kLater = "GET /later HTTP/1.1\r\nHost: here\r\n\r\n";

TEST_F(HttpServerTest, AnswersLater) {
  Serve();
  StreamClient client(port());
  client.Send(kLater);
  const HttpReply reply = TakeLate();
  StreamClient other(port());
  other.Send("GET /meanwhile HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_THAT(other.ReadResponse(), EndsWith("GET /meanwhile\n"));
  OnLoop([&] { reply(TextResponse(200, "at last\n")); });
  EXPECT_THAT(client.ReadResponse(), EndsWith("at last\n"));
  client.Send("GET /next HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /next\n"));
}

TEST_F(HttpServerTest, TakesOneAnswerOnly) {
  Serve();
  StreamClient client(port());
  client.Send(kLater);
  const HttpReply reply = TakeLate();
  OnLoop([&] {
    reply(TextResponse(200, "first\n"));
    reply(TextResponse(500, "second\n"));
  });
  EXPECT_THAT(client.ReadResponse(), EndsWith("first\n"));
  client.Send("GET /next HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /next\n"));
}

TEST_F(HttpServerTest, AnswersNobodyWhoHasGone) {
  Serve();
  HttpReply reply;
  {
    StreamClient client(port());
    client.Send(kLater);
    reply = TakeLate();
    client.Reset();
  }
  OnLoop([&] { reply(TextResponse(200, std::string(1'000'000, 'x'))); });
  StreamClient other(port());
  other.Send("GET /after HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_THAT(other.ReadResponse(), EndsWith("GET /after\n"));
}

TEST_F(HttpServerTest, AnswersNobodyWhoWaitedTooLong) {
  Serve({.timeout = std::chrono::milliseconds(40)});
  StreamClient client(port());
  client.Send(kLater);
  const HttpReply reply = TakeLate();
  EXPECT_EQ(client.ReadAll(), "");
  OnLoop([&] { reply(TextResponse(200, "too late\n")); });
}

TEST_F(HttpServerTest, ForgetsWhoWaitsWhenItEnds) {
  Serve();
  StreamClient client(port());
  client.Send(kLater);
  const HttpReply reply = TakeLate();
  loop_.Stop();
  server_.reset();
  reply(TextResponse(200, "to nobody\n"));
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(HttpServerTest, AnswersARequest) {
  Serve();
  StreamClient client(port());
  client.Send("GET /path?query=1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  const std::string response = client.ReadAll();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(response, HasSubstr("X-Answer: yes\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\nGET /path?query=1\n"));
}

TEST_F(HttpServerTest, HandsTheWholeRequestToTheHandler) {
  Serve();
  StreamClient client(port());
  client.Send(
      "POST /v1 HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer x\r\nContent-Length: "
      "4\r\n\r\nbody");
  client.ReadResponse();
  const auto& request = LastRequest();
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->FindHeader("authorization"), "Bearer x");
  EXPECT_EQ(request->body, "body");
  EXPECT_EQ(request->client.address, Loopback().address);
  EXPECT_NE(request->client.port, 0);
}

TEST_F(HttpServerTest, ReadsAnAbsoluteTargetAsItsPath) {
  Serve();
  StreamClient client(port());
  client.Send("GET http://here/path?q HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /path?q\n"));
}

TEST_F(HttpServerTest, ReadsAChunkedBody) {
  Serve();
  StreamClient client(port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  client.ReadResponse();
  EXPECT_EQ(LastRequest()->body, "abcde");
}

TEST_F(HttpServerTest, ServesSeveralRequestsOnOneConnection) {
  Serve();
  StreamClient client(port());
  for (const char* path : {"/one", "/two", "/three"}) {
    client.Send("GET " + std::string(path) + " HTTP/1.1\r\nHost: here\r\n\r\n");
    EXPECT_THAT(client.ReadResponse(), EndsWith("GET " + std::string(path) + "\n"));
  }
}

TEST_F(HttpServerTest, SendsNoBodyToAHeadRequest) {
  Serve();
  StreamClient client(port());
  client.Send("HEAD / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  const std::string response = client.ReadAll();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  Serve();
  for (const std::string_view garbage : {"nonsense\r\n\r\n", "GET / HTTP/9.1\r\n\r\n",
                                         "GET\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n"}) {
    StreamClient client(port());
    client.Send(garbage);
    client.EndSending();
    const std::string response = client.ReadAll();
    EXPECT_THAT(response, Not(HasSubstr(" 200 "))) << garbage;
  }
  EXPECT_FALSE(LastRequest().has_value());
}

TEST_F(HttpServerTest, RefusesAMethodThatItDoesNotKnow) {
  Serve({.timeout = std::chrono::milliseconds(200)});
  for (const std::string method : {"BREW", "TRACE", "CONNECT"}) {
    StreamClient client(port());
    client.Send(method + " / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 501 ")) << method;
  }
  EXPECT_FALSE(LastRequest().has_value());
}

TEST_F(HttpServerTest, RefusesABodyOfTwoLengths) {
  Serve();
  StreamClient client(port());
  client.Send("POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 "));
  EXPECT_FALSE(LastRequest().has_value());
}

TEST_F(HttpServerTest, RefusesALengthBesideChunks) {
  Serve();
  StreamClient client(port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 "));
  EXPECT_FALSE(LastRequest().has_value());
}

TEST_F(HttpServerTest, RefusesOversizedHeaders) {
  Serve({.max_header_bytes = 1000});
  StreamClient client(port());
  client.Send("GET / HTTP/1.1\r\nHost: here\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 "));
  EXPECT_FALSE(LastRequest().has_value());
}

TEST_F(HttpServerTest, RefusesHeadersWithoutEnd) {
  Serve({.max_header_bytes = 1000});
  StreamClient client(port());
  client.Send("GET /" + std::string(5000, 'x'));
  EXPECT_THAT(client.ReadAll(), Not(HasSubstr(" 200 ")));  // and it ends before the client does
}

TEST_F(HttpServerTest, RefusesAnOversizedBodyHoweverItIsFramed) {
  Serve({.max_body_bytes = 100});
  for (const std::string& request :
       {"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x'),
        "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
            std::string(101, 'x') + "\r\n0\r\n\r\n"}) {
    StreamClient client(port());
    client.Send(request);
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 413 "));
  }
  EXPECT_FALSE(LastRequest().has_value());
}

TEST_F(HttpServerTest, EndsAConnectionThatSendsNothing) {
  Serve({.timeout = std::chrono::milliseconds(50)});
  StreamClient client(port());
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(HttpServerTest, EndsAConnectionThatDribbles) {
  Serve({.timeout = std::chrono::milliseconds(100)});
  StreamClient client(port());
  const auto begin = std::chrono::steady_clock::now();
  client.Send("GET / HTTP/1.1\r\nX: ");
  // Each octet comes well before a timeout between reads; the request as a whole does not.
  bool is_open = true;
  while (is_open && std::chrono::steady_clock::now() - begin < std::chrono::seconds(10))
    is_open = client.Send("x");
  EXPECT_FALSE(is_open);
}

TEST_F(HttpServerTest, EndsAConnectionThatTakesNoAnswer) {
  Serve({.timeout = std::chrono::milliseconds(100), .max_connections = 1});
  StreamClient slow(port());
  slow.Send("GET /large HTTP/1.1\r\nHost: here\r\n\r\n");
  // The only place is taken, until the slow client has lost it.
  StreamClient next(port());
  next.Send("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_THAT(next.ReadResponse(), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_LT(slow.ReadAll().size(), 8'000'000U);
}

TEST_F(HttpServerTest, SendsALargeAnswerWhole) {
  Serve();
  StreamClient client(port());
  client.Send("GET /large HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  EXPECT_GT(client.ReadAll().size(), 8'000'000U);
}

TEST_F(HttpServerTest, LetsFurtherConnectionsWaitForAPlace) {
  Serve({.timeout = std::chrono::milliseconds(200), .max_connections = 4});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<StreamClient>(port()));
    clients.back()->Send("GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  }
  for (const auto& client : clients) EXPECT_THAT(client->ReadAll(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, ManyConnectionsComeAndGo) {
  Serve({.max_connections = 8});
  for (int i = 0; i < 200; ++i) {
    StreamClient client(port());
    client.Send("GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    ASSERT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 OK")) << i;
  }
}

TEST_F(HttpServerTest, ClosesItsConnectionsWhenItGoes) {
  Serve();
  StreamClient client(port());
  client.Send("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
  client.ReadResponse();
  loop_.Stop();
  server_.reset();
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  Serve();
  const auto second =
      HttpServer::Listen(loop_.loop(), {.address = Loopback(port())},
                         [](const HttpRequest&, const HttpReply& reply) { reply({}); });
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(port())));
  EXPECT_THAT(second.error().message, HasSubstr("Address already in use"));
}

}  // namespace relay::http_server_test
