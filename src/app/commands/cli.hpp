// The command line: `understudy COMMAND ...`.
#pragma once

namespace understudy::app {

/// Runs one command and returns the program's exit code (app/commands/cli_exit.hpp).
int run_cli(int argc, const char* const* argv);

}  // namespace understudy::app
