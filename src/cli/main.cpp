#include "cli/cli.hpp"

int main(int argc, char** argv) {
  return gradflow::run_cli(argc, argv);
}
