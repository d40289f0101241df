#define GRADFLOW_COMPILED_PRODUCT template
#include "numerics/compiled_products.hpp"
