#include "models/registry.hpp"

// Catch's main, with the models that tests ask for by name.
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

int main(int argc, char** argv) {
  gradflow::register_models();
  return Catch::Session().run(argc, argv);
}
