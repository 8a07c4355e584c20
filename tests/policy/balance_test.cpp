#include "ringfleet/policy/balance.hpp"

#include <array>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet::policy;

namespace {

using Pick = std::size_t (*)(std::span<const Target>, std::uint64_t);

std::vector<std::size_t> picks(Pick pick, std::span<const Target> targets, std::uint64_t turns) {
  std::vector<std::size_t> counts(targets.size());
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    const std::size_t index = pick(targets, turn);
    REQUIRE(index < counts.size());
    ++counts[index];
  }
  return counts;
}

constexpr Pick round_robin = &pick_round_robin;
constexpr Pick least_pending = &pick_least_pending;

} // namespace

TEST_CASE("balance: round-robin gives each target its turn, by weight, whatever is pending") { // F21
  const std::array targets{Target{.pending = 90}, Target{.weight = 3}, Target{.excluded = true}, Target{.weight = 0}};
  CHECK(picks(round_robin, targets, 400) == std::vector<std::size_t>{100, 300, 0, 0});
}

TEST_CASE("balance: least-pending takes the target with the fewest calls per weight") { // F21
  struct Row {
    std::vector<Target> targets;
    std::size_t expected;
  };
  const Row table[] = {
      {{{.pending = 3}, {.pending = 1}, {.pending = 2}}, 1},
      {{{.pending = 3}, {.pending = 1, .excluded = true}, {.pending = 2}}, 2},
      {{{.pending = 3}, {.pending = 0, .weight = 0}, {.pending = 2}}, 2},
      {{{.pending = 4, .weight = 4}, {.pending = 2, .weight = 1}}, 0},
      {{{.pending = 8, .weight = 4}, {.pending = 1, .weight = 1}}, 1},
      {{{.pending = 0xFFFF'FFFF, .weight = 1}, {.pending = 0xFFFF'FFFE, .weight = 1}}, 1},
      {{{.pending = 0xFFFF'FFFF, .weight = 0xFFFF'FFFF}, {.pending = 2, .weight = 1}}, 0},
  };
  for (const Row& row : table) {
    for (std::uint64_t turn = 0; turn < 9; ++turn) {
      CHECK(pick_least_pending(row.targets, turn) == row.expected);
    }
  }
}

TEST_CASE("balance: ties of least-pending rotate, by weight") {
  const std::array even{Target{.pending = 2}, Target{.pending = 2}, Target{.pending = 5}, Target{.pending = 2}};
  // The last one gets its own turns and those of the busy one before it.
  CHECK(picks(least_pending, even, 400) == std::vector<std::size_t>{100, 100, 0, 200});
  const std::array weighted{Target{.weight = 3}, Target{.weight = 1}};
  CHECK(picks(least_pending, weighted, 400) == std::vector<std::size_t>{300, 100});
}

TEST_CASE("balance: with nobody eligible there is no target") {
  const std::array none{Target{.excluded = true}, Target{.weight = 0}};
  for (const Pick pick : {round_robin, least_pending}) {
    CHECK(pick(none, 7) == no_target);
    CHECK(pick({}, 7) == no_target);
  }
}

TEST_CASE("balance: a target excluded while the pick runs leads to another one or none, never out of bounds") {
  for (std::size_t flips_at = 0; flips_at < 12; ++flips_at) {
    std::size_t reads = 0;
    const auto view = [&](std::size_t index) { return Target{.excluded = index == 2 && reads++ >= flips_at}; };
    const std::size_t picked = pick_least_pending(3, view, 2);
    CHECK((picked < 3 || picked == no_target));
  }
}
