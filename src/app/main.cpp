#include "app/commands/cli.hpp"

int main(int argc, char** argv) {
  return understudy::app::run_cli(argc, argv);
}
