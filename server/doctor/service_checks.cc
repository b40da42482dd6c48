#include "server/doctor/service_checks.h"

#include <charconv>
#include <memory>
#include <utility>

#include "auth/jwk_set.h"
#include "auth/oidc_discovery.h"
#include "protocol/base/time.h"
#include "server/config/registry.h"
#include "server/fleet/redis_connection.h"
#include "server/http/event_loop.h"
#include "server/http/http_client.h"

namespace relay {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds kServicePatience{5000};
constexpr std::chrono::milliseconds kRegistryPoll{50};

seconds AheadBy(base::WallTime there) {
  return std::chrono::round<seconds>(there - base::ReadClocks().wall);
}

// All questions that are open; the loop ends with the last.
class Enquiry {
 public:
  Enquiry(EventLoop& loop, std::vector<ServiceFacts>& facts)
      : loop_(loop), facts_(facts), patience_(loop, [this] { loop_.Stop(); }) {}

  // A place for one answer, which is "no answer" until it comes.
  std::size_t Add(ServiceFacts::Kind kind, std::string name) {
    facts_.push_back({kind, std::move(name), "it does not answer", std::nullopt});
    ++open_;
    return facts_.size() - 1;
  }
  void Finish(std::size_t place, std::string trouble) {
    facts_[place].trouble = std::move(trouble);
    if (--open_ == 0) loop_.Stop();
  }
  ServiceFacts& at(std::size_t place) { return facts_[place]; }

  void Run() {
    if (open_ == 0) return;
    patience_.Start(kServicePatience);
    loop_.Run();
  }

 private:
  EventLoop& loop_;
  std::vector<ServiceFacts>& facts_;
  std::size_t open_ = 0;
  Timer patience_;
};

// One Redis: password, PING, TIME.
class RegistryQuestion {
 public:
  RegistryQuestion(EventLoop& loop, Enquiry& enquiry, const RegistryUrl& url,
                   const std::string& password)
      : enquiry_(enquiry),
        connection_(loop, AddressOf(url, password), {[this] { AskTime(); }, [] {}}),
        poll_(loop, [this] { Look(); }),
        place_(enquiry.Add(ServiceFacts::Kind::kRegistry, AddressOf(url, "").Description())) {
    connection_.Start();
    poll_.Start(kRegistryPoll);
  }

 private:
  static RedisAddress AddressOf(const RegistryUrl& url, const std::string& password) {
    return {url.socket_path, url.host, url.port, url.user, url.database, password};
  }

  void AskTime() {
    connection_.Send({"TIME"}, [this](const RedisReply& reply) {
      if (is_done_) return;
      is_done_ = true;
      if (reply.kind == RedisReply::Kind::kLost) return enquiry_.Finish(place_, reply.text);
      if (reply.is_array() && !reply.elements.empty() && reply.elements[0].is_text()) {
        std::int64_t count = 0;
        const std::string& text = reply.elements[0].text;
        std::from_chars(text.data(), text.data() + text.size(), count);
        enquiry_.at(place_).clock_ahead = AheadBy(base::WallTime(seconds(count)));
      }
      enquiry_.Finish(place_, "");
    });
  }

  // It would go on trying.
  void Look() {
    if (is_done_) return;
    if (!connection_.is_up() && !connection_.trouble().empty()) {
      is_done_ = true;
      return enquiry_.Finish(place_, connection_.trouble());
    }
    poll_.Start(kRegistryPoll);
  }

  Enquiry& enquiry_;
  bool is_done_ = false;
  RedisConnection connection_;
  Timer poll_;
  std::size_t place_;
};

// The discovery document of an issuer, then its keys, as the server fetches them.
void AskIssuer(HttpClient& client, Enquiry& enquiry, const std::string& issuer) {
  const std::size_t place = enquiry.Add(ServiceFacts::Kind::kIssuer, issuer);
  const auto problem_of = [](const base::Result<HttpClient::Answer>& got) -> std::string {
    if (!got.ok()) return got.error().message;
    if (got.value().status != 200) return "the answer is " + std::to_string(got.value().status);
    return "";
  };
  client.Get(auth::DiscoveryUrl(issuer), [=, &client,
                                          &enquiry](base::Result<HttpClient::Answer> document) {
    if (document.ok() && document.value().date)
      enquiry.at(place).clock_ahead = AheadBy(*document.value().date);
    if (const std::string problem = problem_of(document); !problem.empty())
      return enquiry.Finish(place, "discovery: " + problem);
    const auto url = auth::ReadJwksUri(document.value().body, issuer, auth::IssuerKind::kListed);
    if (!url) return enquiry.Finish(place, "its discovery document is not its own");
    client.Get(*url, [=, &enquiry](base::Result<HttpClient::Answer> keys) {
      if (const std::string problem = problem_of(keys); !problem.empty())
        return enquiry.Finish(place, "keys: " + problem);
      const auto set = auth::JwkSet::Parse(keys.value().body);
      enquiry.Finish(place, set && set->size() > 0 ? "" : "there is no key that can be used");
    });
  });
}

}  // namespace

base::Result<std::vector<ServiceFacts>> AskServices(const Config& config) {
  std::vector<ServiceFacts> facts;
  auto loop = EventLoop::Create();
  if (!loop.ok()) return loop.error();
  Enquiry enquiry(*loop.value(), facts);
  std::vector<std::string> registries = config.fleet.read;
  registries.insert(registries.begin(), config.fleet.registry);
  std::vector<std::unique_ptr<RegistryQuestion>> questions;
  for (const std::string& registry : registries) {
    const auto url = ParseRegistryUrl(registry);
    if (registry == "memory" || !url.ok()) continue;
    questions.push_back(std::make_unique<RegistryQuestion>(*loop.value(), enquiry, url.value(),
                                                           config.fleet.password));
  }
  std::unique_ptr<HttpClient> client;
  if (OffersCredentials(config)) {
    HttpClient::Options options;
    options.proxy = config.credentials.http_proxy;
    options.ca_file = config.credentials.ca_file;
    options.timeout = kServicePatience - std::chrono::milliseconds(500);
    auto created = HttpClient::Create(*loop.value(), options);
    if (!created.ok()) return created.error();
    client = std::move(created).value();
    for (const Config::Issuer& issuer : config.credentials.issuers) {
      if (!issuer.issuer.empty()) AskIssuer(*client, enquiry, issuer.issuer);
    }
  }
  enquiry.Run();
  return facts;
}

Finding CheckService(const ServiceFacts& facts) {
  if (facts.kind == ServiceFacts::Kind::kRegistry) {
    if (facts.trouble.empty()) return Fine("registry", "Redis at " + facts.name + " answers");
    return Problem("registry", "Redis at " + facts.name + ": " + facts.trouble,
                   "start it, let this host reach it, and compare fleet.registry and its password; "
                   "until then this node does not hear of revocations and other nodes");
  }
  if (facts.trouble.empty()) return Fine("issuer", "the keys of " + facts.name + " can be fetched");
  return Problem("issuer", facts.name + ": " + facts.trouble,
                 "its /.well-known/openid-configuration and keys must be reachable by HTTPS from "
                 "here (credentials.http_proxy, credentials.ca_file); without them tokens are "
                 "answered with 503");
}

}  // namespace relay
