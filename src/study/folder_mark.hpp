#pragma once

#include <string>

#include "study/study_head.hpp"

/// The text of DIR/resolved.toml: the config with all its defaults, and in comments above it what
/// tells whose folder it is.
namespace gradflow {

/// The mark of a folder that is this study's, with a checksum of its own.
std::string mark_of(const StudyHead& owner);

/// Does the checksum in the first line fit what follows?
bool is_intact_mark(const std::string& text);

/// What stands in a mark behind "# `name` ", to the end of the line; empty where it does not.
std::string mark_entry(const std::string& mark, const std::string& name);

/// The first key that two marks have different values of, of those that can change a number:
/// "flow.weight_decay: 0.1 there, 0.2 here" or, of a data file, that its numbers are others. Empty
/// where there is none.
std::string mark_difference(const std::string& there, const std::string& here);

}  // namespace gradflow
