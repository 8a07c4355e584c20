#include "ringfleet/base/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ringfleet {
namespace {

// Changes, additions, omissions and exchanges of neighbours that make `to` of `from`.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::vector<std::size_t>> steps(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) {
    for (std::size_t j = 0; j <= to.size(); ++j) {
      if (i == 0 || j == 0) {
        steps[i][j] = i + j;
        continue;
      }
      const std::size_t changed = steps[i - 1][j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, changed});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
      }
    }
  }
  return steps[from.size()][to.size()];
}

} // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view found;
  std::size_t best = (word.size() + 2) / 3 + 1;
  for (const std::string_view candidate : known) {
    // So many letters have to be added or left out in any case: what is far too long is not compared at all.
    const std::size_t least = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (least >= best) {
      continue;
    }
    if (const std::size_t steps = distance(word, candidate); steps < best) {
      best = steps;
      found = candidate;
    }
  }
  return found;
}

} // namespace ringfleet
