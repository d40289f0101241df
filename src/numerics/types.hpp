#pragma once

#include <Eigen/Core>
#include <limits>

#include "numerics/compiled_products.hpp"

/// Eigen aliases used throughout. All matrices are column-major, all numbers double.
namespace gradflow {

using Index = Eigen::Index;
using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Arguments are Eigen references, so that maps over a solver's memory pass without a copy.
using VectorRef = Eigen::Ref<Vector>;
using ConstVectorRef = const Eigen::Ref<const Vector>&;
using MatrixRef = Eigen::Ref<Matrix>;
using ConstMatrixRef = const Eigen::Ref<const Matrix>&;

/// A number that is not known, or that there is not.
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace gradflow
