#include "server/datapath/kernel/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace relay {
namespace {

// As linux/bpf.h numbers it since 6.6; older headers, and libbpf 1.1, have no name for it.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);

// The place of the filter among those of an interface.
constexpr std::uint32_t kFilterHandle = 1;
constexpr std::uint32_t kFilterPriority = 49152;
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

bpf_tc_opts FilterOptions() {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
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

base::Result<void> AttachByFilter(int program, std::uint32_t interface_index) {
  bpf_tc_hook hook = IngressOf(interface_index);
  const int created = bpf_tc_hook_create(&hook);
  if (created != 0 && created != -EEXIST) return Failure(AttachmentKind::kClsact, -created);
  RemoveLeftFilter(interface_index);
  bpf_tc_opts options = FilterOptions();
  options.prog_fd = program;
  const int attached = bpf_tc_attach(&hook, &options);
  if (attached != 0) return Failure(AttachmentKind::kClsact, -attached);
  return {};
}

void RemoveFilter(std::uint32_t interface_index) {
  const bpf_tc_hook hook = IngressOf(interface_index);
  const bpf_tc_opts options = FilterOptions();
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
    if (const auto attached = AttachByFilter(program, interface_index); !attached.ok())
      return attached.error();
    return Attachment(interface_index, OwnedDescriptor());
  }
  auto link = AttachByLink(kind, program, interface_index);
  if (!link.ok()) return link.error();
  return Attachment(0, std::move(link).value());
}

Attachment::Attachment(Attachment&& other) noexcept
    : filtered_interface_(std::exchange(other.filtered_interface_, 0)),
      link_(std::move(other.link_)) {}

Attachment& Attachment::operator=(Attachment&& other) noexcept {
  std::swap(filtered_interface_, other.filtered_interface_);
  std::swap(link_, other.link_);
  return *this;
}

Attachment::~Attachment() {
  if (filtered_interface_ != 0) RemoveFilter(filtered_interface_);
}

bool RemoveLeftFilter(std::uint32_t interface_index) {
  SilenceLibbpf();
  const bpf_tc_hook hook = IngressOf(interface_index);
  bpf_tc_opts options = FilterOptions();
  if (bpf_tc_query(&hook, &options) != 0) return false;
  const OwnedDescriptor program(bpf_prog_get_fd_by_id(options.prog_id));
  bpf_prog_info info{};
  std::uint32_t info_bytes = sizeof(info);
  if (!program.is_open() || bpf_obj_get_info_by_fd(program.get(), &info, &info_bytes) != 0 ||
      kProgramName != info.name)
    return false;
  RemoveFilter(interface_index);
  return true;
}

}  // namespace relay
