#include "server/cli/run_cli.h"

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "server/app/serve.h"
#include "server/cli/command_tree_of.h"
#include "server/cli/commands.h"
#include "server/cli/completion.h"
#include "server/cli/help_texts.h"
#include "server/cli/installed_config.h"
#include "server/cli/manual.h"
#include "server/config/nearest.h"

namespace relay {
namespace {

// What the arguments are read into, and the command that they chose.
class CommandLine {
 public:
  CommandLine() : app_(kDescription, "senso-turn") {
    app_.set_version_flag("--version", "senso-turn " SENSO_TURN_VERSION);
    app_.require_subcommand(1);
    AddServe();
    AddCheck();
    AddCredentials();
    AddFirewall();
    AddDns();
    AddMigrate();
    AddDoctor();
    AddStatus();
    AddSessions();
    AddDisconnect();
    AddDrain();
    AddReload();
    AddUpgrade();
    AddCompletion();
    Add("version", "Print the version", RunVersion);
    AddGenerate();
  }

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& success) {  // --help, --version
      return app_.exit(success) == 0 ? kExitDone : kExitUsage;
    } catch (const CLI::ParseError& error) {
      return Complain(kExitUsage, Explain(error, argc, argv) + " (see " + HelpCommand() + ")");
    }
    if (of_the_service_ != nullptr) TakeInstalled(*of_the_service_);
    return command_();
  }

 private:
  CLI::App* Add(const std::string& name, const std::string& description,
                std::function<int()> command, CLI::App* parent = nullptr) {
    CLI::App* sub = (parent == nullptr ? &app_ : parent)->add_subcommand(name, description);
    sub->callback([this, command = std::move(command)] { command_ = command; });
    return sub;
  }

  static void AddSource(CLI::App* sub, std::optional<std::string>& file,
                        std::vector<std::string>& overrides,
                        const std::string& without = "the built-in defaults") {
    sub->add_option("-c,--config", file, "YAML file; without it " + without)->type_name("FILE");
    AddOverrides(sub, overrides);
  }

  // For what is asked about the service, where one is installed.
  void AddSourceOfService(CLI::App* sub, ConfigSource& source) {
    AddSource(sub, source.file, source.overrides,
              std::string(kInstalledConfig) + " if there is one, else the built-in defaults");
    sub->parse_complete_callback([this, &source] { of_the_service_ = &source; });
  }

  static void TakeInstalled(ConfigSource& source) {
    if (source.file) return;
    source.file = FindInstalledConfig();
    if (source.file) std::cerr << "senso-turn: with " << *source.file << '\n';
  }

  static void AddOverrides(CLI::App* sub, std::vector<std::string>& overrides) {
    sub->add_option("--set", overrides, "Set one key on top of it; may be repeated")
        ->type_name("KEY.PATH=VALUE")
        ->allow_extra_args(false);
  }

  void AddServe() {
    CLI::App* sub =
        Add("serve", "Run the server until it is told to stop", [this] { return Serve(serve_); });
    AddSource(sub, serve_.config_file, serve_.overrides);
    sub->add_option("--take-over", serve_.take_over,
                    "Take over, without loss, from the server that gives there")
        ->type_name("PATH");
    sub->footer(kServeFooter);
  }

  void AddCheck() {
    CLI::App* sub =
        Add("check", "Check a configuration file: every error with its line and what is accepted",
            [this] { return RunCheck(check_file_, check_overrides_); });
    sub->add_option("FILE", check_file_, "YAML file")->required()->type_name("");
    AddOverrides(sub, check_overrides_);
  }

  void AddCredentials() {
    CLI::App* sub = Add("credentials", "Print iceServers JSON with fresh credentials",
                        [this] { return RunCredentials(credentials_); });
    AddSourceOfService(sub, credentials_.source);
    sub->add_option("-u,--user", credentials_.user, "Whom limits are counted for")
        ->type_name("NAME")
        ->capture_default_str();
    sub->add_option(
           "--ttl", credentials_.ttl,
           "How long they are valid, such as 10m, 1h or 7d (default: credentials.ttl.default)")
        ->type_name("DURATION");
    sub->add_option("--node", credentials_.node,
                    "Host name for the URLs (default: node, else the relay address)")
        ->type_name("HOST");
    sub->footer(kCredentialsFooter);
  }

  void AddFirewall() {
    CLI::App* sub =
        Add("firewall", "Print what the firewalls of clients have to let out to reach this server",
            [this] { return RunFirewall(firewall_); });
    AddSourceOfService(sub, firewall_.source);
    AddFormat(sub, firewall_.format);
  }

  void AddDoctor() {
    CLI::App* sub = Add("doctor", "Look for what is wrong with this host and its configuration",
                        [this] { return is_watch_ ? Watch() : RunDoctor(doctor_); });
    AddSourceOfService(sub, doctor_.source);
    AddFormat(sub, doctor_.format);
    sub->add_option("--stun", doctor_.stun,
                    "A STUN server outside, to ask how the world sees this host")
        ->type_name("HOST:PORT");
    CLI::Option* const watch = sub->add_flag(
        "--watch", is_watch_, "Relay through nodes again and again, and export metrics of it");
    sub->add_option("--node", watch_.nodes,
                    "With --watch: a host, or turn:HOST:PORT?transport=udp; may be repeated "
                    "(default: node)")
        ->type_name("NODE")
        ->allow_extra_args(false)
        ->needs(watch);
    sub->add_option("--interval", watch_.interval, "With --watch: from one probe to the next")
        ->type_name("DURATION")
        ->needs(watch)
        ->capture_default_str();
    sub->add_option("--listen", watch_.listen, "With --watch: where /metrics is")
        ->type_name("ADDRESS:PORT")
        ->needs(watch)
        ->capture_default_str();
    sub->footer(kDoctorFooter);
  }

  int Watch() {
    watch_.source = doctor_.source;
    return RunWatch(watch_);
  }

  static void AddFormat(CLI::App* sub, std::string& format) {
    sub->add_option("--format", format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORMAT")
        ->capture_default_str();
  }

  void AddDns() {
    constexpr std::uint32_t kMaxTtlSeconds = 7 * 86400;
    CLI::App* sub =
        Add("dns", "Print the DNS records of this server", [this] { return RunDns(dns_); });
    AddSourceOfService(sub, dns_.source);
    sub->add_flag("--external-dns", dns_.is_external_dns,
                  "As DNSEndpoint for external-dns, instead of a zone file");
    sub->add_option("--ttl", dns_.ttl_seconds, "How long resolvers keep them, in seconds")
        ->check(CLI::Range(std::uint32_t{1}, kMaxTtlSeconds))
        ->type_name("SECONDS")
        ->capture_default_str();
    sub->add_option("--name-server", dns_.name_servers, "A server of the zone; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
  }

  void AddMigrate() {
    CLI::App* sub =
        Add("migrate", "Print the configuration that does what coturn's turnserver.conf did",
            [this] { return RunMigrate(migrate_file_); });
    sub->add_option("FILE", migrate_file_, "A turnserver.conf")->required()->type_name("");
    sub->footer(kMigrateFooter);
  }

  void AddStatus() {
    CLI::App* sub =
        Add("status", "Ask the running server how it is", [this] { return RunStatus(status_); });
    AddAdmin(sub, status_.admin);
    AddFormat(sub, status_.format);
  }

  void AddSessions() {
    CLI::App* sub = Add("sessions", "List the allocations of the running server",
                        [this] { return RunSessions(sessions_); });
    AddAdmin(sub, sessions_.admin);
    AddFormat(sub, sessions_.format);
    sub->add_option("-u,--user", sessions_.user,
                    "Only those of one user: a user name, or whom limits are counted for")
        ->type_name("NAME");
    sub->footer(kSessionsFooter);
  }

  void AddDisconnect() {
    CLI::App* sub = Add("disconnect", "End one allocation of the running server",
                        [this] { return RunDisconnect(disconnect_); });
    AddAdmin(sub, disconnect_.admin);
    sub->add_option("ID", disconnect_.id, "As `senso-turn sessions` prints it")
        ->required()
        ->type_name("");
  }

  void AddDrain() {
    CLI::App* sub = Add("drain", "Have the running server take no new clients and end without them",
                        [this] { return RunDrain(drain_); });
    AddAdmin(sub, drain_.admin);
    sub->add_option("--deadline", drain_.deadline,
                    "When it ends at the latest, such as 10m or 1h (default: drain.deadline)")
        ->type_name("DURATION");
    sub->add_flag("--wait", drain_.is_waiting, "Look on until the drain is over");
    sub->footer(kDrainFooter);
  }

  void AddReload() {
    CLI::App* sub = Add("reload", "Have the running server read its configuration again",
                        [this] { return RunReload(admin_); });
    AddAdmin(sub, admin_);
    sub->footer(kReloadFooter);
  }

  void AddUpgrade() {
    CLI::App* sub = Add("upgrade", "Have a new process take over from the running server",
                        [this] { return RunUpgrade(admin_); });
    AddAdmin(sub, admin_);
    sub->footer(kUpgradeFooter);
  }

  static void AddAdmin(CLI::App* sub, AdminOptions& admin) {
    sub->add_option("--socket", admin.socket, "Its admin socket (default: admin.socket)")
        ->type_name("PATH");
    AddSource(sub, admin.source.file, admin.source.overrides);
  }

  void AddCompletion() {
    CLI::App* sub = Add("completion", "Print a script that completes these commands in a shell",
                        [this] { return Print(*CompletionScript(TreeOf(app_), shell_)); });
    sub->add_option("SHELL", shell_, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->type_name("");
    sub->footer(kCompletionFooter);
  }

  static int Print(const std::string& text) {
    std::cout << text << std::flush;
    return kExitDone;
  }

  // For the repository's own checks, and its package.
  void AddGenerate() {
    CLI::App* sub = app_.add_subcommand("generate", "Print a document that is made from the code");
    sub->group("");
    sub->require_subcommand(1);
    Add("configuration", "docs/configuration.md", RunGenerateConfiguration, sub);
    Add("firewall", "docs/firewall.md", RunGenerateFirewall, sub);
    Add(
        "manual", "senso-turn(8)", [this] { return Print(Manual(TreeOf(app_))); }, sub);
    Add("metrics", "docs/metrics.md", RunGenerateMetrics, sub);
    Add("migration", "docs/coturn-options.md", RunGenerateMigration, sub);
  }

  // The library only says that there is no command; the word that was meant as one says more.
  std::string Explain(const CLI::ParseError& error, int argc, char** argv) const {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (!app_.get_subcommands().empty() || first.empty() || first.starts_with('-')) {
      return error.what();
    }
    std::vector<std::string_view> names;
    for (const CLI::App* sub : app_.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
    const std::string nearest(names[FindNearest(first, names).place]);
    return "'" + std::string(first) + "' is not a command; the nearest one is '" + nearest + "'";
  }

  std::string HelpCommand() const {
    std::string command = "senso-turn";
    for (const CLI::App* sub : app_.get_subcommands()) command += " " + sub->get_name();
    return command + " --help";
  }

  CLI::App app_;
  std::function<int()> command_ = [] { return kExitUsage; };
  ConfigSource* of_the_service_ = nullptr;  // of the command that was chosen, if it has such a one
  ServeOptions serve_;
  std::string check_file_;
  std::vector<std::string> check_overrides_;
  CredentialsOptions credentials_;
  FirewallOptions firewall_;
  DnsOptions dns_;
  std::string migrate_file_;
  DoctorOptions doctor_;
  bool is_watch_ = false;
  WatchOptions watch_;
  StatusOptions status_;
  SessionsOptions sessions_;
  DisconnectOptions disconnect_;
  DrainOptions drain_;
  AdminOptions admin_;
  std::string shell_;
};

}  // namespace

int Complain(int code, const std::string& message) {
  std::cerr << "senso-turn: " << message << '\n';
  return code;
}

int RunCli(int argc, char** argv) {
  try {
    return CommandLine().Run(argc, argv);
  } catch (const std::exception& error) {
    return Complain(kExitFailed, error.what());
  }
}

}  // namespace relay
