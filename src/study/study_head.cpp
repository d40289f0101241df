#include "study/study_head.hpp"

#include <cereal/types/optional.hpp>

#include "io/checksum.hpp"
#include "io/packing.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {

// Found by cereal through their arguments.
template <class Archive>
void serialize(Archive& archive, StudyAxis& axis) {
  archive(axis.name, axis.attributes, axis.values);
}

template <class Archive>
void serialize(Archive& archive, StudyHead::Key& key) {
  archive(key.key, key.axis);
}

template <class Archive>
void serialize(Archive& archive, StudyHead::Axis& axis) {
  archive(axis.key, axis.axis, axis.keys);
}

template <class Archive>
void serialize(Archive& archive, StudyHead::WorkedOut& key) {
  archive(key.key, key.name, key.axes, key.values);
}

template <class Archive>
void serialize(Archive& archive, Bisection& bisection) {
  archive(bisection.key, bisection.name, bisection.whole, bisection.measure, bisection.between,
          bisection.level, bisection.scale, bisection.tolerance, bisection.most);
}

template <class Archive>
void serialize(Archive& archive, StudyHead& head) {
  std::uint64_t against = head.against;
  archive(head.fingerprint, head.version, head.axes, head.worked_out, head.model, head.paper,
          head.config, head.resolved, head.exponents, against, head.against_key, head.arrhenius,
          head.bisection);
  head.against = static_cast<std::size_t>(against);
}

std::size_t StudyHead::Axis::length() const {
  return std::visit([](const auto& list) { return list.size(); }, axis.values);
}

namespace {

std::string value_text(const StudyAxis& axis, std::size_t index) {
  if (const auto* reals = std::get_if<std::vector<double>>(&axis.values))
    return axis.name + " = " + short_number((*reals)[index]);
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&axis.values))
    return axis.name + " = " + std::to_string((*integers)[index]);
  return axis.name + " = " + std::get<std::vector<std::string>>(axis.values)[index];
}

}  // namespace

std::string StudyHead::Axis::text(std::size_t index) const {
  if (keys.empty()) return value_text(axis, index);
  std::string text;
  for (const Key& one : keys) text += (text.empty() ? "" : ", ") + value_text(one.axis, index);
  return text;
}

std::size_t StudyHead::points() const {
  std::size_t count = 1;
  for (const Axis& axis : axes) count *= axis.length();
  return count;
}

std::vector<std::size_t> StudyHead::coordinates(std::size_t point) const {
  std::vector<std::size_t> index(axes.size());
  for (std::size_t a = axes.size(); a-- > 0;) {
    index[a] = point % axes[a].length();
    point /= axes[a].length();
  }
  return index;
}

std::string StudyHead::where(std::size_t point) const {
  std::string text = where_chain(point / chain_length());
  if (bisection) text += (text.empty() ? "" : ", ") + axes.back().text(point % chain_length());
  return text;
}

std::string StudyHead::where_chain(std::size_t chain) const {
  std::string text;
  const std::vector<std::size_t> index = coordinates(chain * chain_length());
  for (std::size_t a = 0; a + (bisection ? 1 : 0) < axes.size(); ++a)
    text += (text.empty() ? "" : ", ") + axes[a].text(index[a]);
  return text;
}

StudyHead read_study_head(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "points" / "study";
  const std::string bytes = read_checked_file(file);
  try {
    return unpacked<StudyHead>(bytes);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {  // whole, but of another program
    throw FileError(file, "is not that of a study");
  }
}

std::string encoded(const StudyHead& head) {
  const std::string bytes = packed(head);
  Checksum checksum;
  checksum.add(bytes);
  return bytes + checksum.trailer();
}

}  // namespace gradflow
