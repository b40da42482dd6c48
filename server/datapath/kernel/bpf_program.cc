#include "server/datapath/kernel/bpf_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "server/datapath/kernel/capabilities.h"
#include "server/datapath/kernel/embedded_object.h"

namespace relay {
namespace {

// libbpf reports by a function of the whole process. While one of these lives, the thread's reports
// are kept instead of printed.
class LibbpfLog {
 public:
  LibbpfLog() : previous_(libbpf_set_print(Keep)) { current = this; }
  ~LibbpfLog() {
    current = nullptr;
    libbpf_set_print(previous_);
  }
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The most telling line: what the verifier said last before its statistics, or else the first
  // warning.
  std::string MostTelling() const { return verifier_line_.empty() ? first_line_ : verifier_line_; }

 private:
  __attribute__((format(printf, 2, 0))) static int Keep(libbpf_print_level level,
                                                        const char* format,
                                                        std::va_list arguments) {
    if (current == nullptr || level != LIBBPF_WARN) return 0;
    std::va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    // What the verifier says can be long, and its end is what counts.
    std::string text(static_cast<std::size_t>(std::max(length, 0)) + 1, '\0');
    std::vsnprintf(text.data(), text.size(), format, again);
    va_end(again);
    text.pop_back();
    current->Read(text);
    return 0;
  }

  void Read(std::string_view text) {
    constexpr std::string_view kStatistics = "processed ";
    std::string_view before;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.starts_with(kStatistics)) verifier_line_ = before;
      if (first_line_.empty()) first_line_ = line;
      if (!line.empty()) before = line;
    }
  }

  static thread_local LibbpfLog* current;

  libbpf_print_fn_t previous_;
  std::string first_line_;
  std::string verifier_line_;
};

thread_local LibbpfLog* LibbpfLog::current = nullptr;

base::Error LoadError(int code, const LibbpfLog& log) {
  std::string message = "the kernel does not load the program of the kernel datapath (";
  message += std::strerror(code < 0 ? -code : code);
  message += ")";
  if (const std::string line = log.MostTelling(); !line.empty()) message += ": " + line;
  if (!HasPerfmonCapability()) message += "; one as old as 6.1 needs CAP_PERFMON for it";
  return {message};
}

bool Resize(bpf_object* object, const char* name, std::uint32_t entries) {
  bpf_map* const map = bpf_object__find_map_by_name(object, name);
  return map != nullptr && bpf_map__set_max_entries(map, entries) == 0;
}

int MapDescriptor(const bpf_object* object, const char* name) {
  return bpf_object__find_map_fd_by_name(object, name);
}

int ProgramDescriptor(const bpf_object* object, const char* name) {
  const bpf_program* const program = bpf_object__find_program_by_name(object, name);
  return program == nullptr ? -1 : bpf_program__fd(program);
}

}  // namespace

void BpfProgram::ObjectCloser::operator()(bpf_object* object) const { bpf_object__close(object); }

BpfProgram::BpfProgram(ObjectPointer object, FastpathMaps maps, int tc_descriptor,
                       int xdp_descriptor)
    : object_(std::move(object)),
      maps_(std::move(maps)),
      tc_descriptor_(tc_descriptor),
      xdp_descriptor_(xdp_descriptor) {}

BpfProgram::~BpfProgram() = default;

base::Result<std::unique_ptr<BpfProgram>> BpfProgram::Load(const FastpathSizes& sizes) {
  const base::Bytes octets = EmbeddedObject();
  if (octets.empty())
    return base::Error{"this build has no kernel datapath: it was made without clang-16"};
  if (const std::string missing = MissingCapabilities(); !missing.empty())
    return base::Error{"the kernel datapath needs " + missing +
                       ", which this process does not have"};

  const LibbpfLog log;
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = "turn_fastpath";
  ObjectPointer object(bpf_object__open_mem(octets.data(), octets.size(), &options));
  if (object == nullptr) return LoadError(errno, log);
  if (!Resize(object.get(), "by_channel", sizes.routes) ||
      !Resize(object.get(), "by_peer", sizes.routes) ||
      !Resize(object.get(), "routes", sizes.routes) ||
      !Resize(object.get(), "slots", sizes.slots) || !Resize(object.get(), "shared", sizes.users) ||
      !Resize(object.get(), "slot_counters", sizes.slots) ||
      !Resize(object.get(), "next_hops", sizes.next_hops))
    return LoadError(errno, log);
  if (const int failure = bpf_object__load(object.get()); failure != 0)
    return LoadError(failure, log);

  const FastpathMaps::Descriptors descriptors{
      .by_channel = MapDescriptor(object.get(), "by_channel"),
      .by_peer = MapDescriptor(object.get(), "by_peer"),
      .routes = MapDescriptor(object.get(), "routes"),
      .slots = MapDescriptor(object.get(), "slots"),
      .shared = MapDescriptor(object.get(), "shared"),
      .slot_counters = MapDescriptor(object.get(), "slot_counters"),
      .totals = MapDescriptor(object.get(), "totals"),
      .next_hops = MapDescriptor(object.get(), "next_hops"),
      .config = MapDescriptor(object.get(), "config"),
      .ports = MapDescriptor(object.get(), "ports"),
      .interfaces = MapDescriptor(object.get(), "interfaces")};
  base::Result<FastpathMaps> maps = FastpathMaps::Open(descriptors, sizes);
  if (!maps.ok()) return maps.error();
  const int tc = ProgramDescriptor(object.get(), "turn_fastpath_tc");
  const int xdp = ProgramDescriptor(object.get(), "turn_fastpath_xdp");
  return std::unique_ptr<BpfProgram>(
      new BpfProgram(std::move(object), std::move(maps).value(), tc, xdp));
}

}  // namespace relay
