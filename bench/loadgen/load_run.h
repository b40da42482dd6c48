#pragma once

#include "bench/loadgen/options.h"
#include "protocol/base/result.h"

namespace loadgen {

// The whole run: set-up, traffic (or holding, or churn), release, report. Returns the exit code: 0,
// or 1 when anything that was asked failed. An error is one of the environment. SIGINT and SIGTERM
// end the run early but orderly; a second one ends the process.
base::Result<int> Run(const Options& options);

}  // namespace loadgen
