#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// One function for each command of the program; each returns the exit code. Results go to standard
// output, complaints to standard error.
namespace relay {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// "senso-turn: message" to standard error; returns `code`.
int Complain(int code, const std::string& message);

// Where a command takes its configuration from.
struct ConfigSource {
  std::optional<std::string> file;  // nullopt: the embedded default
  std::vector<std::string> overrides;
};

int RunCheck(const std::string& file, const std::vector<std::string>& overrides);

struct CredentialsOptions {
  ConfigSource source;
  std::string user = "cli";
  std::optional<std::string> ttl;   // default: credentials.ttl.default
  std::optional<std::string> node;  // default: node of the configuration, else the relay address
};
int RunCredentials(const CredentialsOptions& options);

struct FirewallOptions {
  ConfigSource source;
  std::string format = "text";  // or "json"
};
int RunFirewall(const FirewallOptions& options);

struct DnsOptions {
  ConfigSource source;
  bool is_external_dns = false;  // else a zone file
  std::uint32_t ttl_seconds = 300;
  std::vector<std::string> name_servers;
};
int RunDns(const DnsOptions& options);

// Prints the configuration that does what a turnserver.conf did; what there is to know goes to
// standard error.
int RunMigrate(const std::string& file);

struct DoctorOptions {
  ConfigSource source;
  std::string format = "text";      // or "json"
  std::optional<std::string> stun;  // whom to ask how the world sees this host, "host:port"
};
int RunDoctor(const DoctorOptions& options);

struct WatchOptions {
  ConfigSource source;             // its credentials, and the listeners of a node that is a host
  std::vector<std::string> nodes;  // none: the node of the configuration, or this host
  std::string interval = "15s";
  std::string listen = "127.0.0.1:9642";
};
// Relays by each way to each node, again and again, and exports what came of it until it is told to
// stop.
int RunWatch(const WatchOptions& options);

// Where the running server is reached.
struct AdminOptions {
  std::optional<std::string> socket;
  ConfigSource source;  // if there is no socket: names it
};
struct StatusOptions {
  AdminOptions admin;
  std::string format = "text";  // or "json"
};
int RunStatus(const StatusOptions& options);

struct SessionsOptions {
  AdminOptions admin;
  std::string format = "text";      // or "json"
  std::optional<std::string> user;  // a user name, or the subject that it stands for
};
int RunSessions(const SessionsOptions& options);

struct DisconnectOptions {
  AdminOptions admin;
  std::string id;  // of an allocation, as `sessions` prints it
};
int RunDisconnect(const DisconnectOptions& options);

struct DrainOptions {
  AdminOptions admin;
  std::optional<std::string> deadline;  // default: drain.deadline
  bool is_waiting = false;              // returns when the drain is over, not when it has begun
};
int RunDrain(const DrainOptions& options);

int RunReload(const AdminOptions& options);

int RunUpgrade(const AdminOptions& options);

int RunVersion();

// docs/configuration.md, docs/firewall.md, docs/metrics.md and docs/coturn-options.md.
int RunGenerateConfiguration();
int RunGenerateFirewall();
int RunGenerateMetrics();
int RunGenerateMigration();

}  // namespace relay
