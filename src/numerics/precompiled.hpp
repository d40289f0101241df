#pragma once

// What nearly every file includes, parsed once. No file may rely on it: each includes what it uses.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "numerics/factorisations.hpp"
