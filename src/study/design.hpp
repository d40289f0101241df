#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/toml_document.hpp"
#include "study/bisection_reading.hpp"
#include "study/config_axis.hpp"
#include "study/inputs.hpp"
#include "study/schema.hpp"

namespace gradflow {

/// The points of a study: every combination of the places along its dimensions, the last dimension
/// fastest; first the axes, then the groups, each in the file's order. One point without any. With
/// [study.bisect] a point is a chain of runs.
class Design {
 public:
  Design() = default;
  /// Reads [study]. An axis or group that is complained of is left out.
  Design(const TomlValue& study, const Schema& schema, const Inputs& inputs,
         Complaints& complaints);

  const std::vector<StudyDimension>& dimensions() const { return dimensions_; }
  /// All keys that are varied, those of a dimension beside each other.
  const std::vector<ConfigAxis>& axes() const { return axes_; }
  std::size_t points() const;
  /// How far apart the points of two neighbours along a dimension are.
  std::size_t stride(std::size_t dimension) const;
  /// A point's place along each dimension.
  std::vector<std::size_t> places(std::size_t point) const;
  /// The key that `name` means, by itself or its coordinate's name, and that has values all along
  /// its dimension, not in some variants; null where there is none.
  const ConfigAxis* find(const std::string& name) const;
  /// `find`, or without a name the first key, but for seeds, that has values all along its
  /// dimension.
  const ConfigAxis* fit_axis(const std::string& against) const;
  /// Is it set by variants?
  bool is_of_variants(const ConfigAxis& axis) const {
    return dimensions_[axis.dimension].is_variant();
  }
  /// The dimension along which models differ.
  std::optional<std::size_t> model_dimension() const {
    return models_.empty() ? std::nullopt : std::optional(model_dimension_);
  }
  /// The number of the model, of those of the schema, at these places.
  std::size_t model_at(const std::vector<std::size_t>& places) const {
    return models_.empty() ? 0 : models_[places[model_dimension_]];
  }
  /// The key by its whole name; null where it is no axis and in no group.
  const ConfigAxis* axis(const std::string& key) const;
  /// What messages call a key of `axes()`: "study.zip.size.model.width".
  std::string called(const ConfigAxis& axis) const;
  /// Is it the key of an axis, of a group, or what is bisected?
  bool varies(const std::string& key) const;
  /// Has it a dimension of its own?
  bool is_axis(const std::string& key) const;
  /// [study.bisect]; null where there is none.
  const GivenBisection* bisection() const { return bisection_ ? &*bisection_ : nullptr; }

 private:
  void take(const std::string& key, const TomlValue& value, const StudyReading& reading);
  void take_groups(const std::string& kind, const TomlValue& value, const StudyReading& reading,
                   Complaints& complaints);
  void take_bisection(const TomlValue& value, const StudyReading& reading);
  void add(StudyDimension dimension, std::vector<ConfigAxis> keys);
  void check_new(const std::string& called, const std::string& key,
                 const SourcePosition& position) const;
  void find_models(const Schema& schema);
  void name_axes();
  void check_names(Complaints& complaints) const;

  std::vector<StudyDimension> dimensions_;
  std::vector<ConfigAxis> axes_;
  std::optional<GivenBisection> bisection_;
  std::size_t model_dimension_ = 0;
  std::vector<std::size_t> models_;  ///< by the place along it; none where all points have one
};

}  // namespace gradflow
