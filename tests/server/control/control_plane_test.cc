#include "server/control/control_plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <future>
#include <thread>

#include "server/config/load.h"
#include "server/http/line_client.h"
#include "server/log/log.h"
#include "tests/server/control/fake_relay.h"
#include "tests/server/http/stream_client.h"
#include "tests/support/temporary_directory.h"

namespace relay::control_plane_test {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class ControlPlaneTest : public testing::Test {
 protected:
  ControlPlaneTest() {
    options_.version = "1.2.3";
    options_.metrics_address = base::Endpoint::Parse("127.0.0.1:0");
    options_.admin_socket = directory_.File("admin.sock");
    options_.drain_poll = milliseconds(5);
  }
  ~ControlPlaneTest() override {
    if (!runner_.joinable()) return;
    plane_->RequestStop();
    runner_.join();
  }

  void Run() {
    plane_ = std::make_unique<ControlPlane>(options_, relay_);
    const auto started = plane_->Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    runner_ = std::thread([this] { exit_code_ = plane_->Run(); });
  }
  int WaitForExit() {
    runner_.join();
    return exit_code_;
  }

  std::string Ask(const std::string& method, const std::string& target) {
    StreamClient client(plane_->metrics_port());
    client.Send(method + " " + target + " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    return client.ReadAll();
  }
  std::string AskAdmin(const std::string& line) {
    return AskLine(options_.admin_socket, line).value();
  }
  // As a shard asks, from a thread of its own.
  HttpResponse AskEdge(const std::string& method, const std::string& target) {
    std::promise<HttpResponse> answer;
    plane_->AnswerEdgeRequest({method, target, {}, {}, {}}, [&answer](HttpResponse response) {
      answer.set_value(std::move(response));
    });
    return answer.get_future().get();
  }
  // A signal arrives when it does.
  void WaitUntilDraining() {
    while (!Ask("GET", "/readyz").starts_with("HTTP/1.1 503 ")) std::this_thread::yield();
  }
  // The file that the plane reloads, before Run what it is started with.
  std::string WriteConfiguration(const std::string& text) {
    std::string file = directory_.Write("turn.yaml", text);
    if (plane_ == nullptr) options_.configuration = {file, {}, LoadConfigFile(file, {}).config};
    return file;
  }
  void WaitForMetric(const std::string& line) {
    while (Ask("GET", "/metrics").find("\n" + line + "\n") == std::string::npos)
      std::this_thread::yield();
  }
  static void Signal(int signal) { kill(getpid(), signal); }

  test_support::TemporaryDirectory directory_;
  FakeRelay relay_;
  ControlPlane::Options options_;
  std::unique_ptr<ControlPlane> plane_;
  std::thread runner_;
  int exit_code_ = -1;
};

TEST_F(ControlPlaneTest, IsAliveAndReady) {
  Run();
  EXPECT_THAT(Ask("GET", "/livez"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Ask("GET", "/readyz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ControlPlaneTest, IsNotReadyForTheRelaysReasons) {
  Run();
  relay_.is_full = true;
  const std::string response = Ask("GET", "/readyz");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(
      response,
      EndsWith("{\"ready\":false,\"reasons\":[\"no relay port is free\"],\"troubles\":[]}\n"));
}

TEST_F(ControlPlaneTest, ServesMetrics) {
  Run();
  const std::string response = Ask("GET", "/metrics");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("\nsenso_turn_draining 0\n"));
}

TEST_F(ControlPlaneTest, CountsTheRequestsThatItAnswers) {
  Run();
  Ask("GET", "/livez");
  Ask("GET", "/nowhere");
  EXPECT_THAT(Ask("GET", "/metrics"),
              HasSubstr("\nsenso_turn_http_request_duration_seconds_count 2\n"));
}

TEST_F(ControlPlaneTest, HasNoOtherPaths) {
  Run();
  for (const char* path : {"/", "/metrics/", "/livezz", "//livez", "/../metrics"}) {
    EXPECT_THAT(Ask("GET", path), StartsWith("HTTP/1.1 404 ")) << path;
  }
}

TEST_F(ControlPlaneTest, RefusesOtherMethods) {
  Run();
  const std::string response = Ask("POST", "/metrics");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(response, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(Ask("HEAD", "/metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ControlPlaneTest, AnswersTheRequestsOfEdgeListeners) {
  Run();
  EXPECT_EQ(AskEdge("GET", "/livez").status, 200);
  EXPECT_EQ(AskEdge("GET", "/metrics").status, 404);
  EXPECT_THAT(Ask("GET", "/metrics"),
              HasSubstr("\nsenso_turn_http_request_duration_seconds_count 2\n"));
}

TEST_F(ControlPlaneTest, AnswersRequestsOfEdgeListenersThatCameBeforeItRan) {
  ControlPlane plane(options_, relay_);
  ASSERT_TRUE(plane.Start().ok());
  int status = 0;
  plane.AnswerEdgeRequest({"GET", "/livez", {}, {}, {}}, [&](HttpResponse response) {
    status = response.status;
    plane.RequestStop();
  });
  EXPECT_EQ(plane.Run(), 0);
  EXPECT_EQ(status, 200);
}

TEST_F(ControlPlaneTest, ForgetsRequestsOfEdgeListenersThatComeAfterTheEnd) {
  Run();
  plane_->RequestStop();
  WaitForExit();
  bool was_answered = false;
  plane_->AnswerEdgeRequest({"GET", "/livez", {}, {}, {}},
                            [&](HttpResponse) { was_answered = true; });
  plane_.reset();
  EXPECT_FALSE(was_answered);
}

TEST_F(ControlPlaneTest, LooksAtTheCertificatesAgainAndAgain) {
  options_.certificate_poll = milliseconds(1);
  Run();
  while (relay_.refreshes < 3) std::this_thread::yield();
}

TEST_F(ControlPlaneTest, TellsItsStatusToTheAdministrator) {
  Run();
  EXPECT_THAT(AskAdmin("status"), StartsWith("senso-turn    1.2.3, up "));
  EXPECT_EQ(boost::json::parse(AskAdmin("status json")).at("version"), "1.2.3");
  EXPECT_THAT(AskAdmin("status xml"), StartsWith("error: "));
  EXPECT_THAT(AskAdmin("reboot"), StartsWith("error: unknown command reboot"));
}

TEST_F(ControlPlaneTest, TerminateDrainsUntilNoAllocationIsLeft) {
  relay_.AddAllocations(1);
  Run();
  Signal(SIGTERM);
  WaitUntilDraining();
  EXPECT_TRUE(relay_.is_draining);
  EXPECT_THAT(Ask("GET", "/readyz"), HasSubstr("[\"draining\"]"));
  EXPECT_THAT(Ask("GET", "/livez"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Ask("GET", "/metrics"), HasSubstr("\nsenso_turn_draining 1\n"));
  EXPECT_THAT(AskAdmin("status"), HasSubstr("draining"));
  relay_.AddAllocations(-1);
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_EQ(relay_.stops, 1);
}

TEST_F(ControlPlaneTest, TerminateWithoutAllocationsEnds) {
  Run();
  Signal(SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, ADrainEndsAtItsDeadline) {
  relay_.AddAllocations(1);
  options_.drain_deadline = milliseconds(20);
  Run();
  Signal(SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_EQ(relay_.stops, 1);
}

TEST_F(ControlPlaneTest, TheSecondTerminateStopsAtOnce) {
  relay_.AddAllocations(1);
  Run();
  Signal(SIGTERM);
  WaitUntilDraining();
  Signal(SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, InterruptStopsAtOnce) {
  relay_.AddAllocations(1);
  Run();
  Signal(SIGINT);
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_FALSE(relay_.is_draining);
  EXPECT_EQ(relay_.stops, 1);
}

TEST_F(ControlPlaneTest, ABrokenPipeChangesNothing) {
  Run();
  Signal(SIGPIPE);
  EXPECT_THAT(Ask("GET", "/readyz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ControlPlaneTest, WithoutAConfigurationThereIsNothingToReload) {
  Run();
  EXPECT_THAT(AskAdmin("reload"), StartsWith("error: the server was started without a "));
  EXPECT_THAT(AskAdmin("reload all"), StartsWith("error: reload takes nothing"));
  Signal(SIGHUP);
  WaitForMetric("senso_turn_config_reloads_total{outcome=\"failure\"} 2");
  EXPECT_THAT(Ask("GET", "/readyz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ControlPlaneTest, TheAdministratorAndHangupReload) {
  const std::string file = WriteConfiguration("limits: {allocations: 10}\n");
  Run();
  EXPECT_EQ(AskAdmin("reload"), "nothing has changed\n");
  WriteConfiguration("limits: {allocations: 5}\n");
  Signal(SIGHUP);
  WaitForMetric("senso_turn_config_reloads_total{outcome=\"success\"} 2");
  WriteConfiguration("limits: {allocations: many}\n");
  EXPECT_THAT(AskAdmin("reload"), HasSubstr("\n" + file + ":1: limits.allocations: "));
  plane_->RequestStop();
  WaitForExit();
  ASSERT_EQ(relay_.configs.size(), 1u);
  EXPECT_EQ(relay_.configs[0].limits.allocations, 5u);
}

TEST_F(ControlPlaneTest, AReloadChangesTheDeadlineOfADrainAndTheLog) {
  WriteConfiguration("drain: {deadline: 1h}\n");
  relay_.AddAllocations(1);
  Run();
  WriteConfiguration("drain: {deadline: 0s}\nlog: {level: error}\n");
  EXPECT_THAT(AskAdmin("reload"), StartsWith("changed drain.deadline, log.level\n"));
  EXPECT_FALSE(IsLogged(LogLevel::kWarning));
  SetLogLevel(LogLevel::kInfo);
  Signal(SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, TheAdministratorCanDrain) {
  relay_.AddAllocations(1);
  Run();
  EXPECT_THAT(AskAdmin("drain soon"), StartsWith("error: "));
  EXPECT_FALSE(relay_.is_draining);
  EXPECT_THAT(AskAdmin("drain 3600 now"), StartsWith("error: "));
  EXPECT_FALSE(relay_.is_draining);
  EXPECT_EQ(AskAdmin("drain 3600"),
            "draining: 1 allocation is left, 1h 0m 0s until the deadline\n");
  EXPECT_TRUE(relay_.is_draining);
  EXPECT_THAT(AskAdmin("drain"), StartsWith("draining: 1 allocation is left, "));
  relay_.AddAllocations(-1);
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, WhoWatchesADrainHearsOfItsEnd) {
  relay_.AddAllocations(1);
  Run();
  StreamClient watcher(options_.admin_socket);
  watcher.Send("drain 3600 watch\n");
  EXPECT_EQ(watcher.ReadUntil("\n"),
            "draining: 1 allocation is left, 1h 0m 0s until the deadline\n");
  relay_.AddAllocations(-1);
  EXPECT_THAT(watcher.ReadAll(), EndsWith("drained: no allocation is left\n"));
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, AShorterDeadlineEndsADrainThatHasBegun) {
  relay_.AddAllocations(1);
  Run();
  StreamClient watcher(options_.admin_socket);
  watcher.Send("drain 3600 watch\n");
  watcher.ReadUntil("\n");
  EXPECT_THAT(AskAdmin("drain 0"), StartsWith("draining: "));
  EXPECT_THAT(watcher.ReadAll(),
              EndsWith("drained: the drain deadline has passed; 1 allocation is left and will end "
                       "now\n"));
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, ADrainThatIsCutShortIsNotDone) {
  relay_.AddAllocations(1);
  Run();
  StreamClient watcher(options_.admin_socket);
  watcher.Send("drain watch\n");
  watcher.ReadUntil("\n");
  Signal(SIGINT);
  EXPECT_THAT(watcher.ReadAll(), HasSubstr("stopped: told to stop at once"));
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(ControlPlaneTest, WatchersLeaveRoomForOthers) {
  relay_.AddAllocations(1);
  Run();
  std::vector<std::unique_ptr<StreamClient>> watchers;
  for (int i = 0; i < 4; ++i) {
    watchers.push_back(std::make_unique<StreamClient>(options_.admin_socket));
    watchers.back()->Send("drain watch\n");
    watchers.back()->ReadUntil("\n");
  }
  EXPECT_THAT(AskAdmin("drain watch"), StartsWith("error: others watch"));
  EXPECT_THAT(AskAdmin("status"), HasSubstr("draining"));
}

TEST_F(ControlPlaneTest, LeavesNoSocketBehind) {
  Run();
  plane_->RequestStop();
  WaitForExit();
  EXPECT_FALSE(std::filesystem::exists(options_.admin_socket));
}

TEST_F(ControlPlaneTest, RunsWithoutMetricsAndAdminSocket) {
  options_.metrics_address.reset();
  options_.admin_socket.clear();
  Run();
  EXPECT_EQ(plane_->metrics_port(), 0);
}

TEST_F(ControlPlaneTest, SaysWhyTheMetricsPortCannotBeHad) {
  const auto holder = ListenTcp(*base::Endpoint::Parse("127.0.0.1:0"));
  options_.metrics_address->port = LocalPort(holder.value());
  ControlPlane plane(options_, relay_);
  const auto started = plane.Start();
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message, StartsWith("metrics: cannot listen on tcp 127.0.0.1:"));
  EXPECT_THAT(started.error().message, EndsWith("Address already in use"));
}

TEST_F(ControlPlaneTest, SaysThatAnotherServerRuns) {
  Run();
  options_.metrics_address.reset();
  ControlPlane second(options_, relay_);
  const auto started = second.Start();
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message, HasSubstr("another server answers on"));
}

}  // namespace relay::control_plane_test
