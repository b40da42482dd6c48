#include "server/datapath/kernel/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace relay {
namespace {

// As linux/bpf.h numbers it since 6.6; older headers, and libbpf 1.1, have no name for it.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);

// The places of the filter among those of an interface: the first that is free. A process that
// takes over from another has its own before the other one lets go, and what was left by one that
// was killed may have to stay. What a filter does not relay goes on to the next one.
constexpr std::uint32_t kFilterHandle = 1;
constexpr std::uint32_t kFirstPlace = 49152;
constexpr std::uint32_t kEndOfPlaces = kFirstPlace + 4;
// The kernel keeps 15 characters of a program's name.
constexpr std::string_view kProgramName = "turn_fastpath_t";

// What it would print, the caller's error says.
void SilenceLibbpf() { libbpf_set_print(nullptr); }

bpf_tc_hook IngressOf(std::uint32_t interface_index) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(interface_index);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts FilterOptions(std::uint32_t place) {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kFilterHandle;
  options.priority = place;
  return options;
}

base::Error Failure(AttachmentKind kind, int error) {
  return base::Error{"cannot attach by " + std::string(ToString(kind)) + ": " +
                     std::strerror(error)};
}

base::Result<OwnedDescriptor> AttachByLink(AttachmentKind kind, int program,
                                           std::uint32_t interface_index) {
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  if (kind == AttachmentKind::kXdp) options.flags = XDP_FLAGS_DRV_MODE;
  const int link = bpf_link_create(program, static_cast<int>(interface_index),
                                   kind == AttachmentKind::kXdp ? BPF_XDP : kTcxIngress, &options);
  if (link < 0) return Failure(kind, -link);
  return OwnedDescriptor(link);
}

// The place.
base::Result<std::uint32_t> AttachByFilter(int program, std::uint32_t interface_index) {
  bpf_tc_hook hook = IngressOf(interface_index);
  const int created = bpf_tc_hook_create(&hook);
  if (created != 0 && created != -EEXIST) return Failure(AttachmentKind::kClsact, -created);
  for (std::uint32_t place = kFirstPlace; place < kEndOfPlaces; ++place) {
    bpf_tc_opts options = FilterOptions(place);
    options.prog_fd = program;
    const int attached = bpf_tc_attach(&hook, &options);
    if (attached == 0) return place;
    if (attached != -EEXIST) return Failure(AttachmentKind::kClsact, -attached);
  }
  return Failure(AttachmentKind::kClsact, EEXIST);
}

// The number of the program at a place; 0: there is no filter; nullopt: the system does not tell.
std::optional<std::uint32_t> FilterProgram(std::uint32_t interface_index, std::uint32_t place) {
  const bpf_tc_hook hook = IngressOf(interface_index);
  bpf_tc_opts options = FilterOptions(place);
  const int failure = bpf_tc_query(&hook, &options);
  if (failure == 0) return options.prog_id;
  // No filter, no clsact, no interface.
  if (failure == -ENOENT || failure == -EINVAL || failure == -ENODEV) return 0;
  return std::nullopt;
}

void RemoveFilter(std::uint32_t interface_index, std::uint32_t place) {
  const bpf_tc_hook hook = IngressOf(interface_index);
  const bpf_tc_opts options = FilterOptions(place);
  bpf_tc_detach(&hook, &options);
}

}  // namespace

std::string_view ToString(AttachmentKind kind) {
  switch (kind) {
    case AttachmentKind::kTcx:
      return "tcx";
    case AttachmentKind::kClsact:
      return "clsact";
    case AttachmentKind::kXdp:
      break;
  }
  return "xdp";
}

base::Result<Attachment> Attachment::Attach(AttachmentKind kind, int program,
                                            std::uint32_t interface_index) {
  SilenceLibbpf();
  if (kind == AttachmentKind::kClsact) {
    const auto place = AttachByFilter(program, interface_index);
    if (!place.ok()) return place.error();
    Attachment attachment;
    attachment.filtered_interface_ = interface_index;
    attachment.filter_place_ = place.value();
    attachment.filter_program_ = FilterProgram(interface_index, place.value()).value_or(0);
    return attachment;
  }
  auto link = AttachByLink(kind, program, interface_index);
  if (!link.ok()) return link.error();
  Attachment attachment;
  attachment.link_ = std::move(link).value();
  return attachment;
}

base::Result<Attachment> Attachment::Adopt(int link) {
  Attachment attachment;
  attachment.link_ = OwnedDescriptor(::fcntl(link, F_DUPFD_CLOEXEC, 0));
  if (!attachment.link_.is_open()) return Failure(AttachmentKind::kXdp, errno);
  return attachment;
}

base::Result<void> Attachment::Switch(int program) {
  const int failure = bpf_link_update(link_.get(), program, nullptr);
  if (failure != 0) return Failure(AttachmentKind::kXdp, -failure);
  return {};
}

Attachment::Attachment(Attachment&& other) noexcept
    : link_(std::move(other.link_)),
      filtered_interface_(std::exchange(other.filtered_interface_, 0)),
      filter_place_(other.filter_place_),
      filter_program_(other.filter_program_) {}

Attachment& Attachment::operator=(Attachment&& other) noexcept {
  std::swap(link_, other.link_);
  std::swap(filtered_interface_, other.filtered_interface_);
  std::swap(filter_place_, other.filter_place_);
  std::swap(filter_program_, other.filter_program_);
  return *this;
}

Attachment::~Attachment() {
  // Another process may have put its own there meanwhile.
  if (filtered_interface_ != 0 &&
      FilterProgram(filtered_interface_, filter_place_) == filter_program_)
    RemoveFilter(filtered_interface_, filter_place_);
}

bool Attachment::IsInPlace() const {
  if (filtered_interface_ != 0)
    return FilterProgram(filtered_interface_, filter_place_).value_or(filter_program_) ==
           filter_program_;
  // The kernel leaves a link behind that leads nowhere. What it says of tcx, which older headers do
  // not know, stands where it says it of XDP.
  bpf_link_info info{};
  std::uint32_t info_bytes = sizeof(info);
  return bpf_obj_get_info_by_fd(link_.get(), &info, &info_bytes) == 0 && info.xdp.ifindex != 0;
}

int RemoveLeftFilters(std::uint32_t interface_index) {
  SilenceLibbpf();
  int removed = 0;
  for (std::uint32_t place = kFirstPlace; place < kEndOfPlaces; ++place) {
    const std::uint32_t number = FilterProgram(interface_index, place).value_or(0);
    if (number == 0) continue;
    const OwnedDescriptor program(bpf_prog_get_fd_by_id(number));
    bpf_prog_info info{};
    std::uint32_t info_bytes = sizeof(info);
    if (!program.is_open() || bpf_obj_get_info_by_fd(program.get(), &info, &info_bytes) != 0 ||
        kProgramName != info.name)
      continue;
    RemoveFilter(interface_index, place);
    ++removed;
  }
  return removed;
}

}  // namespace relay
