#pragma once

#include <cstdint>

#include "numerics/types.hpp"

/// Maps and flows with kinks (ReLU) are smooth pieces that meet at surfaces. One that is told to
/// hold keeps to one piece, also beyond its boundary, so that a method sees a smooth function and a
/// boundary to stop at. Where the flow of a loss would be pushed back to a surface from both sides
/// it slides in it (Filippov's solution, and the gradient flow of Clarke's subdifferential): that
/// is a piece too, in which all products are those of the map restricted to the surface.
namespace gradflow {

/// Those of an output map. Points are its last one, and u is the loss's gradient l'(f) there.
class MapPieces {
 public:
  virtual ~MapPieces() = default;

  /// From here on the map, and the clones made of it, keep to the piece last entered. A state may
  /// be beyond its boundary by the relative tolerance given: that is how well states are known. The
  /// flow is w' = -(J^T u + decay w), up to a positive factor.
  virtual void hold(double tolerance, double decay) = 0;
  /// Negative where the point lies beyond the boundary of the piece, or where a sliding motion
  /// would leave its surface.
  virtual double margin(ConstVectorRef u) = 0;
  /// Enters the piece in which the flow goes on from the point; w is that point, which may be moved
  /// by its rounding error, on to the surface. `afresh`: whatever the piece was before.
  virtual void enter(VectorRef w, ConstVectorRef u, bool afresh) = 0;
  /// Changes whenever f at the point may have: a piece was entered.
  virtual std::uint64_t revision() const = 0;

  /// v -> P v, the part of a vector like w that is tangent at the point to the surfaces in which
  /// the piece slides. The flow is -P (J^T u + decay w); J^T already comes projected.
  virtual void project(VectorRef v) = 0;
  /// Where surfaces are curved, P depends on w: adds what this adds to the derivative of
  /// P (J^T u + decay w) along v. The flow's Jacobian is then not symmetric off the surface.
  virtual bool curved() const { return false; }
  virtual void turn(ConstVectorRef /*u*/, ConstVectorRef /*v*/, VectorRef /*out*/) {}
};

/// Those of a right-hand side.
class FlowPieces {
 public:
  virtual ~FlowPieces() = default;

  /// Comes first, before any Newton matrix is made.
  virtual void hold(double tolerance) = 0;
  /// Negative where y lies beyond the piece's boundary.
  virtual double margin(double t, ConstVectorRef y) = 0;
  virtual void enter(double t, VectorRef y, bool afresh) = 0;
  /// Takes out of v what leads off the surfaces along which the flow slides at y.
  virtual void keep(ConstVectorRef /*y*/, VectorRef /*v*/) {}
};

}  // namespace gradflow
