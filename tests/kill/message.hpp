#pragma once

// A message whose every word follows from its number, so that a reader sees a torn one; and where in the life of a ring
// a scenario takes place.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::kill {

struct Message {
  std::array<std::uint64_t, 4> words;

  [[nodiscard]] static constexpr Message of(std::uint64_t number) {
    Message message{};
    for (std::size_t i = 0; i < message.words.size(); ++i) {
      message.words[i] = (number + i) * 0x9e37'79b9'7f4a'7c15 + number;
    }
    return message;
  }
  friend bool operator==(const Message&, const Message&) = default;
};

// Position of the operation: in a ring of `slots` it is `phase` slots away from the slot of number 0.
struct Place {
  std::uint64_t position;
  std::string name;
};

// Near zero, 2^31, 2^32, 2^42 and 2^63, each time `phase` slots before the number itself.
[[nodiscard]] inline std::vector<Place> places(std::uint64_t slots, std::uint64_t phase) {
  std::vector<Place> all;
  all.push_back({4 * slots - phase, fmt::format("{} before a wrap", phase)});
  for (const unsigned bits : {31U, 32U, 42U, 63U}) {
    all.push_back({(std::uint64_t{1} << bits) - phase, fmt::format("{} before 2^{}", phase, bits)});
  }
  return all;
}

} // namespace ringfleet::kill
