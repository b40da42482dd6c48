#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/cli/run_cli.h"

namespace relay {

struct CommandResult {
  int code = 0;
  std::string out;
  std::string err;
};

// Runs one command inside this process and captures what it writes.
inline CommandResult RunCommand(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "senso-turn");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  CommandResult result;
  result.code = RunCli(static_cast<int>(arguments.size()), argv.data());
  result.out = testing::internal::GetCapturedStdout();
  result.err = testing::internal::GetCapturedStderr();
  return result;
}

}  // namespace relay
