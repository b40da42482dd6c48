#include "server/app/upgrade_setup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <string_view>
#include <utility>

#include "server/app/service_manager.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr std::string_view kTakeOver = "--take-over";

// Of a socket file that another mount namespace has only the other process can make use.
bool IsSocket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

std::string NameOfUpgradeSocket(const std::string& path) { return "upgrade " + path; }

constexpr std::string_view kLink = "xdp ";

std::string NameOfLink(std::uint32_t interface_index) {
  return std::string(kLink) + std::to_string(interface_index);
}

// How this process was started, but for whom it took over from; to which that is then added. The
// program is what stands at its path by then: a new version, usually.
std::vector<std::string> OwnCommand() {
  std::error_code error;
  std::vector<std::string> command{std::filesystem::read_symlink("/proc/self/exe", error).string()};
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  bool is_first = true;
  bool is_value = false;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\0', begin), all.size());
    const std::string argument = all.substr(begin, end - begin);
    begin = end + 1;
    if (std::exchange(is_first, false)) continue;
    if (std::exchange(is_value, false)) continue;
    if (argument == kTakeOver) {
      is_value = true;
    } else if (!argument.starts_with(std::string(kTakeOver) + "=")) {
      command.push_back(argument);
    }
  }
  command.emplace_back(kTakeOver);
  return command;
}

// A container ends with its first process, and takes the new one along.
bool IsFirstOfItsNamespace() { return ::getpid() == 1; }

using Prepared = base::Result<std::vector<UpgradeGiver::Service>>;

// Control thread.
Prepared Prepare(const RelayServer& relay, const ControlPlane& control) {
  if (std::string obstacle = control.upgrade_obstacle(); !obstacle.empty())
    return base::Error{std::move(obstacle)};
  std::vector<UpgradeGiver::Service> services;
  for (const ServiceSocket& each : control.service_sockets())
    services.push_back({each.name, each.socket, {}});
  for (KernelLink& each : relay.CopyKernelLinks()) {
    const auto link = std::make_shared<const OwnedDescriptor>(std::move(each.link));
    services.push_back({NameOfLink(each.interface_index), link->get(), link});
  }
  return services;
}

}  // namespace

std::vector<KernelLink> TakeKernelLinks(UpgradeTaker& taker) {
  std::vector<KernelLink> links;
  for (const std::string& name : taker.ListServices()) {
    if (!name.starts_with(kLink)) continue;
    std::uint32_t index = 0;
    const char* const end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + kLink.size(), end, index);
    if (parsed.ec != std::errc() || parsed.ptr != end) continue;
    if (auto link = taker.TakeService(name))
      links.push_back({index, OwnedDescriptor(link->Release())});
  }
  return links;
}

std::string UpgradeSocketOf(const std::string& admin_socket) {
  return admin_socket.empty() ? "" : admin_socket + ".upgrade";
}

void InheritServices(UpgradeTaker& taker, const ControlPlane::Options& options,
                     const Config& config, ControlPlane& control) {
  std::vector<std::string> names;
  if (options.metrics_address) names.push_back(MetricsSocketName(*options.metrics_address));
  if (IsSocket(options.admin_socket)) names.push_back(AdminSocketName(options.admin_socket));
  names.push_back(CredentialsSocketName(
      {config.credentials.listener_address, config.credentials.listener_port}));
  for (const std::string& name : names) {
    if (auto socket = taker.TakeService(name)) control.Inherit(name, socket->Release());
  }
}

std::unique_ptr<UpgradeGiver> OpenGiver(const std::string& admin_socket, UpgradeTaker* taker) {
  const std::string path = UpgradeSocketOf(admin_socket);
  if (path.empty()) return nullptr;
  std::optional<Descriptor> inherited;
  if (taker != nullptr && IsSocket(path)) inherited = taker->TakeService(NameOfUpgradeSocket(path));
  auto giver = UpgradeGiver::Open(path, std::move(inherited));
  if (giver.ok()) return std::move(giver).value();
  Log(LogLevel::kWarning, "there will be no upgrade without loss from this process",
      {{"reason", giver.error().message}});
  return nullptr;
}

std::unique_ptr<Launcher> ForkLauncher() {
  if (IsFirstOfItsNamespace()) return nullptr;
  auto forked = Launcher::Fork(OwnCommand());
  if (forked.ok()) return std::move(forked).value();
  std::cerr << "senso-turn: warning: `senso-turn upgrade` will not work: " << forked.error().message
            << '\n';
  return nullptr;
}

void StartGiver(UpgradeGiver& giver, const std::string& admin_socket,
                std::unique_ptr<Launcher> launcher, RelayServer& relay, ControlPlane& control) {
  UpgradeGiver::Options options;
  options.program_version = SENSO_TURN_VERSION;
  options.launcher = std::move(launcher);
  options.no_launcher =
      IsFirstOfItsNamespace()
          ? "this is the first process of a container, which would end with it"
          : "the process that would start the new one could not be made when this one began";
  const UpgradeGiver::Service own{NameOfUpgradeSocket(UpgradeSocketOf(admin_socket)),
                                  giver.listener()};
  options.prepare = [&relay, &control, own]() -> base::Result<std::vector<UpgradeGiver::Service>> {
    auto promised = std::make_shared<std::promise<Prepared>>();
    auto prepared = promised->get_future();
    control.loop().Post(
        [&relay, &control, promised] { promised->set_value(Prepare(relay, control)); });
    if (prepared.wait_for(std::chrono::seconds(5)) != std::future_status::ready)
      return base::Error{"the server is busy with something else, or about to end"};
    Prepared all = prepared.get();
    if (all.ok()) all.value().push_back(own);
    return all;
  };
  options.on_given = [&relay, &control](std::int32_t process, auto reply) {
    if (process > 0) NotifyServiceManager("MAINPID=" + std::to_string(process));
    control.loop().Post([&relay, &control, reply = std::move(reply)] {
      reply(relay.LeaveToSuccessor());
      control.LeaveToSuccessor();
    });
  };
  giver.Start(relay.shards(), std::move(options));
  control.OfferUpgrade([&giver](UpgradeDone done) { giver.StartSuccessor(std::move(done)); });
}

}  // namespace relay
