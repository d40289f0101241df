#pragma once

#include <string>
#include <vector>

#include "study/config_axis.hpp"

namespace gradflow {

/// Kinds of groups: [study.KIND.NAME].
const std::vector<std::string>& group_kinds();

/// A group of keys that share a dimension of the study.
struct StudyGroup {
  StudyDimension dimension;
  std::vector<ConfigAxis> keys;
};

/// Reads a group.
///
/// zip: a list or range of values for each key, all of one length; place k has the k-th of each.
/// sobol: `count`, and { log = [first, last] } or { linear = [first, last] } for each key; the
/// coordinates of the Sobol sequence (directions of Joe and Kuo, SIAM J. Sci. Comput. 30, 2008)
/// from its second point (1/2, ..., 1/2) on, one for each key in the file's order. random: the same
/// with independent uniform draws; draw k depends on `seed`, the key and k alone. Integers are
/// drawn with equal shares for all from first to last. variant: a table of values for each place,
/// by its name; a key that a variant leaves out is at that place as it is without the group.
/// \throws ConfigError
StudyGroup read_group(const std::string& kind, const std::string& name, const TomlValue& value,
                      const StudyReading& reading);

}  // namespace gradflow
