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
  // In the network namespace of the calling thread. A filter that an earlier process left at the
  // same place is replaced. Error: the system says no, or the driver has no XDP of its own; the
  // system's own is never used.
  static base::Result<Attachment> Attach(AttachmentKind kind, int program,
                                         std::uint32_t interface_index);
  Attachment(Attachment&& other) noexcept;
  Attachment& operator=(Attachment&& other) noexcept;
  ~Attachment();

  // False: it is gone, as with the interface, or because somebody took it away.
  bool IsInPlace() const;

 private:
  Attachment() = default;

  OwnedDescriptor link_;                  // or else a filter:
  std::uint32_t filtered_interface_ = 0;  // 0: none
  std::uint32_t filter_program_ = 0;      // the program's number
};

// Takes away a filter of this program that an earlier process left at an interface; whether there
// was one. Filters of others stay.
bool RemoveLeftFilter(std::uint32_t interface_index);

}  // namespace relay
