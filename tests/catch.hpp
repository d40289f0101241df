#pragma once

// One place that knows where Catch2 lives: version 2 (Debian 12) and version 3 differ in header and
// namespace.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
