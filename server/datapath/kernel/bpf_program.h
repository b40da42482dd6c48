#pragma once

#include <memory>

#include "protocol/base/result.h"
#include "server/datapath/kernel/fastpath_maps.h"

struct bpf_object;

namespace relay {

// The kernel fast path, loaded and not attached: owns the program and its maps, which the kernel
// keeps as long as they are used by this object or by an attachment. Load does not attach
// anything. One object per process.
class BpfProgram {
 public:
  // Error: one sentence that says why not, such as a capability that is missing, a kernel that is
  // too old, or a build without the program.
  static base::Result<std::unique_ptr<BpfProgram>> Load(const FastpathSizes& sizes);

  ~BpfProgram();
  BpfProgram(const BpfProgram&) = delete;
  BpfProgram& operator=(const BpfProgram&) = delete;

  // Descriptors of the two programs, for attachments; they stay this object's. tc: at ingress, by
  // tcx or clsact (direct action), of Ethernet interfaces. XDP: in the driver (native) only; where
  // the system's own XDP runs it on buffers with unfinished checksums, these would break.
  int tc_descriptor() const { return tc_descriptor_; }
  int xdp_descriptor() const { return xdp_descriptor_; }

  FastpathMaps& maps() { return maps_; }

 private:
  struct ObjectCloser {
    void operator()(bpf_object* object) const;
  };
  using ObjectPointer = std::unique_ptr<bpf_object, ObjectCloser>;

  BpfProgram(ObjectPointer object, FastpathMaps maps, int tc_descriptor, int xdp_descriptor);

  ObjectPointer object_;
  FastpathMaps maps_;
  int tc_descriptor_;
  int xdp_descriptor_;
};

}  // namespace relay
