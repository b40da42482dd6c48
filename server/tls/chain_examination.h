#pragma once

#include <string>

#include "protocol/base/result.h"
#include "protocol/base/time.h"

namespace relay {

// What clients will think of a certificate and the chain that is sent along.
struct ChainExamination {
  base::WallTime not_before;
  base::WallTime not_after;
  bool is_self_signed = false;
  // Why a client that trusts what this system trusts refuses it, whatever the date; empty: it does
  // not. "unable to get local issuer certificate", say.
  std::string distrust;
};

// Reads a PEM file with the leaf first. Fails when it cannot be read or holds something else.
base::Result<ChainExamination> ExamineChain(const std::string& path);

}  // namespace relay
