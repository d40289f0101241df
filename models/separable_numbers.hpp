#pragma once

#include "flow/observable.hpp"

/// What the numbers of a run on separable data are.
namespace gradflow::numbers {

inline const NumberInfo predicted_support{
    "predicted_support", "number of support vectors of the maximum-margin problem"};
inline const NumberInfo predicted_margin{"predicted_margin", "largest margin under phi_inf <= 1"};
inline const NumberInfo margin_residual{"margin_residual",
                                        "defect of the maximum-margin problem's conditions"};
inline const NumberInfo horizon_defect{
    "horizon_defect",
    "relative difference of phi_inf to the limit of its formula by numbers, at a "
    "vector without zeros"};
inline const NumberInfo horizon_defect_error{"horizon_defect_error",
                                             "error of that limit, as extrapolated"};
inline const NumberInfo separable{"separable", "1 where the data are linearly separable"};
inline const NumberInfo unique{"unique", "1 where the maximum-margin problem has one solution"};
inline const NumberInfo theorem_applies{
    "theorem_applies",
    "1 where the assumptions of the theorem hold: separable data, coercive gradient, "
    "non-degenerate limit shape, unique maximum margin, phi'' > 0"};
inline const NumberInfo final_angle{"final_angle", "angle to the predicted direction at the end",
                                    "radian"};
inline const NumberInfo settled_time{
    "settled_time",
    "time from which on the angle is at most 1e-3 rad (NaN: never), between samples "
    "by a power of log t"};
inline const NumberInfo settled_log10_time{"settled_log10_time", "log10 t at settled_time"};
inline const NumberInfo angle_exponent{"angle_exponent",
                                       "slope of log angle against log log t in the last third"};
inline const NumberInfo angle_exponent_error{
    "angle_exponent_error", "the larger of its standard error and its change in the later half"};
inline const NumberInfo loss_exponent{"loss_exponent",
                                      "slope of log L against log t in the last half"};
inline const NumberInfo loss_exponent_error{
    "loss_exponent_error", "the larger of its standard error and its change in the later half"};
inline const NumberInfo extrapolation_error{
    "extrapolation_error",
    "angle between the extrapolations from the last and from earlier sizes of beta, or "
    "to the last direction where samples without weight have less margin in between",
    "radian"};
inline const NumberInfo extrapolated_angle{
    "extrapolated_angle", "angle of the extrapolated to the predicted direction", "radian"};
inline const NumberInfo measured_support{
    "measured_support", "samples with a share above 1e-3 of the largest at the end"};
inline const NumberInfo support_agrees{
    "support_agrees",
    "1 where these are the support vectors of the maximum-margin problem "
    "with multipliers above 1e-3 of the largest"};

}  // namespace gradflow::numbers
