#pragma once

#include "protocol/base/bytes.h"

namespace relay {

// The compiled program, an ELF object for libbpf; empty if there was no compiler for it. Made by
// the build (CMakeLists.txt).
base::Bytes EmbeddedObject();

}  // namespace relay
