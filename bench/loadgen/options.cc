#include "bench/loadgen/options.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>

#include "bench/loadgen/payload.h"

namespace loadgen {
namespace {

const std::map<std::string, Mode>& Modes() {
  static const std::map<std::string, Mode> modes = {{"allocate", Mode::kAllocate},
                                                    {"channel", Mode::kChannel},
                                                    {"send", Mode::kSend},
                                                    {"relay-to-relay", Mode::kRelayToRelay},
                                                    {"direct", Mode::kDirect}};
  return modes;
}

const std::map<std::string, Transport>& Transports() {
  static const std::map<std::string, Transport> transports = {
      {"udp", Transport::kUdp}, {"tcp", Transport::kTcp}, {"tls", Transport::kTls}};
  return transports;
}

const std::map<std::string, Direction>& Directions() {
  static const std::map<std::string, Direction> directions = {{"up", Direction::kUp},
                                                              {"down", Direction::kDown},
                                                              {"both", Direction::kBoth},
                                                              {"echo", Direction::kEcho}};
  return directions;
}

// What CLI11 fills in that is not yet of its final type.
struct RawOptions {
  std::string transport = "udp";
  std::string mode = "channel";
  std::string direction = "both";
  std::string peer;
  std::vector<std::string> source_addresses;
  double max_loss_percent = -1;
};

std::vector<std::string> Names(const auto& map) {
  std::vector<std::string> names;
  names.reserve(map.size());
  for (const auto& entry : map) names.push_back(entry.first);
  return names;
}

void DeclareServer(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--server", options.server, "The server, HOST:PORT")->capture_default_str();
  app.add_option("--transport", raw.transport,
                 "Clients come over udp, tcp or tls (no certificate is verified)")
      ->check(CLI::IsMember(Names(Transports())))
      ->capture_default_str();
  CLI::Option* user = app.add_option("--user", options.user, "User name, with --password");
  CLI::Option* password = app.add_option("--password", options.password, "Its password");
  user->needs(password);
  password->needs(user);
  CLI::Option* secret = app.add_option(
      "--secret", options.secret, "Shared secret: makes names EXPIRY:NAME and their passwords");
  CLI::Option* file =
      app.add_option("--secret-file", options.secret_file, "The same, read from a file");
  secret->excludes(user)->excludes(file);
  file->excludes(user);
  app.add_option("--name", options.name, "NAME in names made from a secret")->capture_default_str();
  app.add_option("--users", options.users, "So many names from a secret: NAME-0, NAME-1, ...")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
}

void DeclareAllocations(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("-n,--allocations", options.allocations, "Allocations, each with its own socket")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--setup-rate", options.setup_rate,
                 "Allocations begun per second; 0: as fast as answers come")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--setup-window", options.setup_window,
                 "Allocations being set up or released at once when there is no rate")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--address-tries", options.address_tries,
                 "After a 437 go on from another port, so many ports in all; 1: fail")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--mode", raw.mode,
                 "allocate (no traffic), channel, send (indications), relay-to-relay (pairs), or "
                 "direct (no server: bare payloads between clients and peers)")
      ->check(CLI::IsMember(Names(Modes())))
      ->capture_default_str();
  app.add_option("--family", options.family, "REQUESTED-ADDRESS-FAMILY: 4 or 6; not sent if absent")
      ->check(CLI::IsMember({4, 6}));
  app.add_option("--lifetime", options.lifetime_seconds, "LIFETIME asked for, seconds")
      ->check(CLI::Range(0.0, 4294967295.0));
  app.add_option("--refresh", options.refresh_seconds,
                 "Refresh allocations and permissions every so many seconds; default: half of the "
                 "lifetime, at most 240")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--release,!--no-release", options.is_release,
               "At the end, end each allocation with a Refresh of lifetime 0 (default)");
  app.add_option("--churn", options.churn_rate,
                 "During the run, end so many allocations per second and set them up anew on a new "
                 "socket; a rate beyond reach means as fast as answers come")
      ->check(CLI::NonNegativeNumber);
}

void DeclareTraffic(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--rate", options.rate, "Open loop: packets per second over all allocations")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--window", options.window,
                 "Closed loop: packets in flight per allocation and direction")
      ->check(CLI::Range(0, 65536));
  app.add_option("--in-flight", options.in_flight,
                 "Closed loop: packets in flight over all allocations, taking turns, per direction")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--size", options.payload_bytes, "Payload octets")
      ->check(CLI::Range(PayloadCodec::kHeaderBytes, std::size_t{65000}))
      ->capture_default_str();
  app.add_option("--direction", raw.direction,
                 "up (client to peer), down, both, or echo (the peer sends back; round trips)")
      ->check(CLI::IsMember(Names(Directions())))
      ->capture_default_str();
  app.add_option("--duration", options.duration_seconds, "Seconds of traffic, holding or churn")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--hold", options.is_hold,
               "No traffic: keep the allocations refreshed for the duration");
  app.add_option("--max-loss", raw.max_loss_percent, "Fail when more than this percentage is lost")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--peer", raw.peer,
                 "Local address of the peer sockets; default: the one towards the server");
  app.add_option("--peer-netns", options.peer_namespace,
                 "The peer sockets are in this network namespace (a file such as /run/netns/x); "
                 "needs --peer and CAP_SYS_ADMIN");
  app.add_option("--peers", options.peers, "Peer sockets; allocations take turns")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

void DeclareProgram(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--source-addresses", raw.source_addresses,
                 "Local addresses of the clients, separated by commas; they take turns")
      ->delimiter(',');
  app.add_option("--socket-buffer", options.socket_buffer_bytes, "Socket buffers, octets")
      ->check(CLI::Range(4096, 1 << 30))
      ->capture_default_str();
  app.add_option("--cpu", options.cpu, "Stay on this processor")->check(CLI::Range(0, 1023));
  app.add_option(
         "--process", options.processes,
         "Also report the processor time that this process takes during the traffic; may be "
         "repeated")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json_file,
                 "Write the result as JSON to a file, or - for stdout");
  app.add_flag("-q,--quiet", options.is_quiet, "No progress line and no text report");
}

std::optional<std::string> Convert(const RawOptions& raw, Options& options) {
  options.transport = Transports().at(raw.transport);
  options.mode = Modes().at(raw.mode);
  options.direction = Directions().at(raw.direction);
  if (raw.max_loss_percent >= 0) options.max_loss_percent = raw.max_loss_percent;
  if (!raw.peer.empty()) {
    options.peer_address = base::IpAddress::Parse(raw.peer);
    if (!options.peer_address) return "--peer: \"" + raw.peer + "\" is not an IP address";
  }
  for (const std::string& text : raw.source_addresses) {
    const auto address = base::IpAddress::Parse(text);
    if (!address) return "--source-addresses: \"" + text + "\" is not an IP address";
    options.source_addresses.push_back(*address);
  }
  if (!options.secret_file.empty()) {
    std::ifstream file(options.secret_file);
    if (!std::getline(file, options.secret) || options.secret.empty()) {
      return "--secret-file: cannot read a secret from " + options.secret_file;
    }
  }
  return std::nullopt;
}

std::optional<std::string> FindContradiction(const Options& options) {
  if (options.mode == Mode::kDirect) {
    if (options.is_stream()) return "--mode direct is for --transport udp";
    if (options.churn_rate > 0) return "--churn does not go with --mode direct";
  } else if (options.user.empty() && options.secret.empty()) {
    return "credentials are needed: --user and --password, --secret or --secret-file";
  }
  if (!options.peer_namespace.empty() && !options.peer_address) return "--peer-netns needs --peer";
  if (options.users > 1 && options.secret.empty()) return "--users needs --secret or --secret-file";
  const int loops = (options.rate > 0) + (options.window > 0) + (options.in_flight > 0);
  if (loops > 1) return "--rate, --window and --in-flight exclude each other";
  if (options.is_hold && options.has_traffic()) return "--hold means no traffic";
  if (options.mode == Mode::kAllocate && options.has_traffic()) {
    return "--mode allocate means no traffic";
  }
  if (options.mode == Mode::kRelayToRelay) {
    if (options.allocations % 2 != 0) return "--mode relay-to-relay needs an even --allocations";
    if (options.direction == Direction::kEcho) return "--mode relay-to-relay has no echo";
    if (options.churn_rate > 0) return "--churn does not go with --mode relay-to-relay";
  }
  return std::nullopt;
}

}  // namespace

std::string_view ModeName(Mode mode) {
  constexpr std::array<std::string_view, 5> kNames = {"allocate", "channel", "send",
                                                      "relay-to-relay", "direct"};
  return kNames[static_cast<std::size_t>(mode)];
}

std::string_view TransportName(Transport transport) {
  constexpr std::array<std::string_view, 3> kNames = {"udp", "tcp", "tls"};
  return kNames[static_cast<std::size_t>(transport)];
}

std::string_view DirectionName(Direction direction) {
  constexpr std::array<std::string_view, 4> kNames = {"up", "down", "both", "echo"};
  return kNames[static_cast<std::size_t>(direction)];
}

ParsedOptions ParseOptions(int argc, const char* const* argv) {
  Options options;
  RawOptions raw;
  CLI::App app("Loads a TURN server with allocations and traffic, and measures what comes back.",
               "senso-turn-load");
  app.set_version_flag("--version", "senso-turn-load " SENSO_TURN_VERSION);
  app.option_defaults()->always_capture_default(false);
  DeclareServer(app, options, raw);
  DeclareAllocations(app, options, raw);
  DeclareTraffic(app, options, raw);
  DeclareProgram(app, options, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error) == 0 ? 0 : 2};
  }
  std::optional<std::string> mistake = Convert(raw, options);
  if (!mistake) mistake = FindContradiction(options);
  if (mistake) {
    std::fprintf(stderr, "senso-turn-load: %s\n", mistake->c_str());
    return {std::nullopt, 2};
  }
  return {std::move(options), 0};
}

}  // namespace loadgen
