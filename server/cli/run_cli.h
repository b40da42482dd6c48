#pragma once

namespace relay {

// Runs the command that the arguments name. Returns the exit code: 0 done, 1 what was asked failed,
// 2 wrong usage or configuration. Nothing is thrown.
int RunCli(int argc, char** argv);

}  // namespace relay
