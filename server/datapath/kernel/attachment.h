#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/base/result.h"
#include "server/datapath/kernel/owned_descriptor.h"

namespace relay {

// How a program hangs at an interface's ingress.
enum class AttachmentKind : std::uint8_t {
  kTcx,     // by a link, since Linux 6.6: the kernel takes it away when the process ends
  kClsact,  // by a filter, which stays when the process is killed: what it runs needs a lease
  kXdp,     // in the driver, by a link
};

// "tcx", "clsact", "xdp".
std::string_view ToString(AttachmentKind kind);

// A program at the ingress of one interface, until the object ends. The program stays the caller's.
class Attachment {
 public:
  // In the network namespace of the calling thread, beside what is there. Error: the system says
  // no, or the driver has no XDP of its own; the system's own is never used.
  static base::Result<Attachment> Attach(AttachmentKind kind, int program,
                                         std::uint32_t interface_index);
  // The link of another process, which may end then without it: for XDP, of which an interface
  // takes one program. It runs the other one's program until Switch. The descriptor stays the
  // caller's. Error: there are no descriptors left.
  static base::Result<Attachment> Adopt(int link);
  // From one packet to the next it runs this program.
  base::Result<void> Switch(int program);

  Attachment(Attachment&& other) noexcept;
  Attachment& operator=(Attachment&& other) noexcept;
  ~Attachment();

  // False: it is gone, as with the interface, or because somebody took it away.
  bool IsInPlace() const;
  // -1: it hangs there by a filter. The object's own.
  int link() const { return link_.get(); }

 private:
  Attachment() = default;

  OwnedDescriptor link_;                  // or else a filter:
  std::uint32_t filtered_interface_ = 0;  // 0: none
  std::uint32_t filter_place_ = 0;        // its priority
  std::uint32_t filter_program_ = 0;      // the program's number
};

// Takes away the filters of this program that earlier processes left at an interface, and returns
// how many there were. Filters of others stay, and so do all where the system does not tell whose
// they are, which takes CAP_SYS_ADMIN. None is asked for that another process still needs.
int RemoveLeftFilters(std::uint32_t interface_index);

}  // namespace relay
