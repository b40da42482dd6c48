#include "server/app/process_sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <ranges>
#include <system_error>
#include <utility>

#include "server/app/state_directory.h"
#include "server/log/log.h"
#include "server/net/listener_socket.h"
#include "server/sandbox/places.h"
#include "server/sandbox/sandbox.h"

namespace relay {
namespace {

// What libraries read when they are used for the first time, or again: plug-ins of name lookup,
// certificate authorities, time zones. Everybody may read them.
constexpr const char* kOfTheSystem[] = {"/usr",     "/lib",           "/lib64",    "/etc/ssl",
                                        "/etc/pki", "/etc/localtime", "/dev/null", "/dev/urandom"};
// Of /proc, for metrics.
constexpr const char* kOfThisProcess[] = {"/proc/self", "/proc/stat"};
// Where names are looked up by. Programs put a new resolv.conf in the place of the old one, so that
// only a rule for all of /etc goes on to hold for it.
constexpr const char* kOfNameLookup = "/etc";
constexpr const char* kResolver = "/etc/resolv.conf";

bool LooksUpNames(const Config& config) {
  return OffersCredentials(config) || config.fleet.registry != "memory" ||
         !config.fleet.read.empty();
}

// Whether relay sockets get smaller buffers than they ask for without CAP_NET_ADMIN. Where that is
// said, net.core.rmem_max and wmem_max, may not be seen from a network namespace, so it is tried.
bool NeedsRightToBuffers() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const bool is_short = std::ranges::any_of(std::array{SO_RCVBUF, SO_SNDBUF}, [socket](int option) {
    int bytes = 0;
    socklen_t length = sizeof(bytes);
    return ::setsockopt(socket, SOL_SOCKET, option, &kRelayBufferBytes,
                        sizeof(kRelayBufferBytes)) != 0 ||
           ::getsockopt(socket, SOL_SOCKET, option, &bytes, &length) != 0 ||
           bytes / 2 < kRelayBufferBytes;  // the kernel doubles what it grants
  });
  ::close(socket);
  return is_short;
}

// The files as such, which have to be read again.
std::vector<std::string> NamedFiles(const Config& config, const ProcessUse& use) {
  std::vector<std::string> files = use.files;
  if (!use.configuration_file.empty()) files.push_back(use.configuration_file);
  for (const Config::Certificate& pair : config.tls.certificates) {
    files.push_back(pair.certificate_path);
    files.push_back(pair.private_key_path);
  }
  if (!config.credentials.ca_file.empty()) files.push_back(config.credentials.ca_file);
  return files;
}

bool May(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

// What it takes to read and write files of other users, where they were given to root.
CapabilityBits NeededForFiles(const std::vector<std::string>& files, const std::string& state,
                              CapabilityBits held) {
  constexpr CapabilityBits kAll = BitOf(CAP_DAC_OVERRIDE) | BitOf(CAP_DAC_READ_SEARCH);
  constexpr int kToWrite = R_OK | W_OK | X_OK;
  if ((held & kAll) == 0) return 0;
  const auto may_read = [](const std::string& path) { return May(path, R_OK); };
  std::vector<std::string> readable;
  std::ranges::copy_if(files, std::back_inserter(readable), may_read);
  const bool is_writable = !state.empty() && May(state, kToWrite);
  if (!SetEffectiveCapabilities(held & ~kAll)) return held & kAll;
  CapabilityBits needed = 0;
  if (!std::ranges::all_of(readable, may_read)) needed |= BitOf(CAP_DAC_READ_SEARCH);
  if (is_writable && !May(state, kToWrite)) needed |= kAll;
  SetEffectiveCapabilities(held);
  return needed & held;
}

FileRules FilesOf(const Config& config, const ProcessUse& use,
                  const std::vector<std::string>& files, const std::string& state) {
  FileRules rules;
  for (const char* path : kOfTheSystem) rules.readable.insert(path);
  for (const char* path : kOfThisProcess) rules.readable.insert(path);
  if (LooksUpNames(config)) {
    rules.readable.insert(kOfNameLookup);
    rules.readable.merge(PlacesOf(kResolver));
  }
  for (const std::string& file : files) rules.readable.merge(PlacesOf(file));
  if (!state.empty()) rules.writable.insert(state);
  if (!use.admin_socket.empty())
    rules.writable.insert(std::filesystem::path(use.admin_socket).parent_path().string());
  return rules;
}

CapabilityBits CapabilitiesOf(const ProcessUse& use, CapabilityBits for_files,
                              CapabilityBits held) {
  CapabilityBits kept = for_files;
  // To attach the program to interfaces that come back, and to load it again when a reload asks for
  // another kind.
  if (use.has_kernel_datapath) {
    kept |= BitOf(CAP_NET_ADMIN) | BitOf(CAP_BPF) | BitOf(CAP_PERFMON);
    if ((held & BitOf(CAP_BPF)) == 0) kept |= BitOf(CAP_SYS_ADMIN);  // it was by this one, then
  }
  if (NeedsRightToBuffers()) kept |= BitOf(CAP_NET_ADMIN);
  return kept;
}

}  // namespace

void GiveUpRights(const Config& config, const ProcessUse& use) {
  if (!config.process.is_sandboxed) {
    Log(LogLevel::kWarning, "the process keeps all its rights",
        {{"reason", "process.sandbox is false"}});
    return;
  }
  // Made now, if it is not there: a rule is for a folder that exists.
  const auto opened = OpenStateDirectory(config);
  const std::string state = opened.ok() ? opened.value() : "";
  const std::vector<std::string> files = NamedFiles(config, use);
  const CapabilityBits held = EffectiveCapabilities();
  SandboxNeeds needs;
  needs.capabilities = held & CapabilitiesOf(use, NeededForFiles(files, state, held), held);
  needs.files = FilesOf(config, use, files, state);
  needs.system_calls = {.bpf = use.has_kernel_datapath};
  const SandboxReport report = EnterSandbox(needs);
  std::string missing;
  for (const std::string& each : report.missing) missing += (missing.empty() ? "" : "; ") + each;
  if (missing.empty()) {
    Log(LogLevel::kInfo, "rights that are not needed any more were given up",
        {{"capabilities_left", CapabilityNames(report.capabilities)}});
  } else {
    Log(LogLevel::kWarning,
        "of the rights that are not needed any more, some could not be given up",
        {{"capabilities_left", CapabilityNames(report.capabilities)}, {"missing", missing}});
  }
}

}  // namespace relay
