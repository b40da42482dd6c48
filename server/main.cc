#include "server/cli/run_cli.h"

int main(int argc, char** argv) { return relay::RunCli(argc, argv); }
