#pragma once

// Whether each value of an enumeration has a word of its own: those below `end`, as numbers, and no other.

#include <set>
#include <string>

namespace ringfleet::test {

// The number of different words among the values from 0 to `end` - 1; values without one count as the one "unknown".
template <class Enum>
std::size_t count_words(unsigned end) {
  std::set<std::string> words;
  for (unsigned value = 0; value < end; ++value) {
    words.insert(std::string(to_string(static_cast<Enum>(value))));
  }
  return words.size();
}

} // namespace ringfleet::test
