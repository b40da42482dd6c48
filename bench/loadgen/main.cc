#include <cstdio>

#include "bench/loadgen/load_run.h"
#include "bench/loadgen/options.h"

// What throws (out of memory) ends the process, as it should.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const loadgen::ParsedOptions parsed = loadgen::ParseOptions(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  const base::Result<int> result = loadgen::Run(*parsed.options);
  if (result.ok()) return result.value();
  std::fprintf(stderr, "senso-turn-load: %s\n", result.error().message.c_str());
  return 1;
}
