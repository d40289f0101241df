#include "study/folder_mark.hpp"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "io/checksum.hpp"
#include "study/config.hpp"

namespace gradflow {
namespace {

const std::string input_entry = "# input ";

/// Longer values than this tell nobody what differs.
constexpr std::size_t longest_value = 40;

/// The keys of a mark in their order, "section.key" and the text of the value, and its data files:
/// "# input KEY" and a hash of the numbers.
std::vector<std::pair<std::string, std::string>> entries(const std::string& mark) {
  std::vector<std::pair<std::string, std::string>> found;
  std::string section;
  std::istringstream lines(mark);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(input_entry, 0) == 0) {
      const std::size_t end = line.rfind(' ');
      found.emplace_back(line.substr(0, end), line.substr(end + 1));
    } else if (line.empty() || line[0] == '#') {
      continue;
    } else if (line[0] == '[') {
      section = line.substr(1, line.find(']') - 1) + ".";
    } else if (const std::size_t equals = line.find(" = ");
               equals != std::string::npos && line[0] != ' ') {
      found.emplace_back(section + line.substr(0, equals), line.substr(equals + 3));
    } else if (!found.empty()) {
      found.back().second.append("\n").append(line);  // of a value on several lines
    }
  }
  return found;
}

}  // namespace

std::string mark_of(const StudyHead& owner) {
  std::string text = "# result version " + std::to_string(owner.version) + "\n# fingerprint " +
                     owner.fingerprint + "\n";
  for (const auto& [key, hash] : owner.inputs) text += input_entry + key + " " + hash + "\n";
  text += owner.resolved;
  return "# checksum " + hex_checksum(text) + "\n" + text;
}

bool is_intact_mark(const std::string& text) {
  const std::string head = text.substr(0, text.find('\n'));
  return text.size() > head.size() &&
         head == "# checksum " + hex_checksum(text.substr(head.size() + 1));
}

std::string mark_entry(const std::string& mark, const std::string& name) {
  const std::string begin = "\n# " + name + " ";
  const std::size_t at = mark.find(begin);
  if (at == std::string::npos) return "";
  const std::size_t from = at + begin.size();
  return mark.substr(from, mark.find('\n', from) - from);
}

std::string mark_difference(const std::string& there, const std::string& here) {
  const auto theirs = entries(there), ours = entries(here);
  const auto value_in = [](const auto& all, const std::string& key) -> const std::string* {
    const auto at =
        std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first == key; });
    return at == all.end() ? nullptr : &at->second;
  };
  const auto compared = [&](const std::string& key) {
    const std::string *a = value_in(theirs, key), *b = value_in(ours, key);
    if (!changes_numbers(key) || (a != nullptr && b != nullptr && *a == *b)) return std::string();
    if (key.rfind(input_entry, 0) == 0)
      return a != nullptr && b != nullptr
                 ? "other numbers in the file of " + key.substr(input_entry.size())
                 : std::string();
    // Where a file lies is no matter.
    if (value_in(theirs, input_entry + key) != nullptr &&
        value_in(ours, input_entry + key) != nullptr)
      return std::string();
    const auto shown = [](const std::string* value) {
      return value == nullptr ? std::string("not set") : *value;
    };
    if (shown(a).size() > longest_value || shown(b).size() > longest_value ||
        (shown(a) + shown(b)).find('\n') != std::string::npos)
      return "another " + key;
    return key + ": " + shown(a) + " there, " + shown(b) + " here";
  };
  std::vector<std::string> keys;
  for (const auto* all : {&ours, &theirs})
    for (const auto& [key, value] : *all) keys.push_back(key);
  std::stable_partition(keys.begin(), keys.end(),
                        [](const std::string& key) { return key.rfind(input_entry, 0) == 0; });
  for (const std::string& key : keys)
    if (std::string text = compared(key); !text.empty()) return text;
  return "";
}

}  // namespace gradflow
