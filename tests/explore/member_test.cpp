// T8, fault 7: lines of the member table change hands under every interleaving within the bounds, with deaths anywhere.
// And the owner line, which is read while owners come, go and die.

#include "member_world.hpp"
#include "ringfleet/ring/owner_line.hpp"
#include "walk.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

template <class MakeWorld>
void walk(std::string_view name, const Bounds& bounds, MakeWorld&& make) {
  explore::walk(name, bounds, 200'000, make);
}

void walk_members(std::string_view name, const MemberShape& shape, const Bounds& bounds) {
  walk(name, bounds, [&] { return std::make_unique<MemberWorld>(shape); });
}

// Owners follow each other; the last may die while it writes. The first has left, or has died as the owner.
struct OwnerWorld {
  static ring::Owner owner_of(std::uint64_t generation) {
    return {.state = ring::OwnerState::owned,
            .generation = generation,
            .process = {static_cast<std::int32_t>(generation * 10), generation * 100},
            .pid_namespace = generation * 1'000,
            .boot_id = {generation, ~generation}};
  }
  explicit OwnerWorld(bool is_first_dead) : is_first_dead_(is_first_dead) {
    ring::write_owner<ExploredAtomics>(line_, owner_of(1));
  }

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned process) const { return process == 0; }
  void run(unsigned process) {
    if (process == 0) {
      if (!is_first_dead_) {
        ring::end_ownership<ExploredAtomics>(line_, ring::OwnerState::absent);
      }
      ring::write_owner<ExploredAtomics>(line_, owner_of(2));
      return;
    }
    for (int looks = 0; looks < 3; ++looks) {
      const auto owner = ring::read_owner<ExploredAtomics>(line_);
      if (owner && owner->state == ring::OwnerState::owned && *owner != owner_of(owner->generation)) {
        wrong_ = "an owner was read that never was";
      }
    }
  }
  std::string verdict(const Outcome&) {
    const auto last = ring::read_owner<ExploredAtomics>(line_);
    if (!last || (last->state == ring::OwnerState::owned && *last != owner_of(last->generation))) {
      return "the line is not consistent at rest";
    }
    return wrong_;
  }

  bool is_first_dead_;
  ring::OwnerLine line_{};
  std::string wrong_;
};

} // namespace

TEST_CASE("members, explored: of claimers of one id at most one is in, whoever dies") {
  walk_members("2 of one id, 2 lines", {.claimers = {"a", "a"}, .lines = 2}, {.preemptions = 2, .deaths = 1});
  walk_members("2 of one id, delayed stores", {.claimers = {"a", "a"}, .lines = 2},
               {.preemptions = 1, .deaths = 0, .delays = 2});
  walk_members("3 of one id, 2 lines", {.claimers = {"a", "a", "a"}, .lines = 2}, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("members, explored: no two have one line") {
  walk_members("2 strangers, 1 line", {.claimers = {"", ""}, .lines = 1}, {.preemptions = 2, .deaths = 1});
  walk_members("2 ids, 1 line", {.claimers = {"a", "b"}, .lines = 1, .leaves = true}, {.preemptions = 2, .deaths = 1});
  walk_members("2 ids, 2 lines, 1 owner", {.claimers = {"a", "b"}, .lines = 2, .owners = 1},
               {.preemptions = 1, .deaths = 2});
}

TEST_CASE("members, explored: a dead member's line is cleared by the owner while its successor takes it") {
  walk_members("successor and owner", {.claimers = {"a"}, .lines = 1, .leaves_dead = true, .owners = 1},
               {.preemptions = 3, .deaths = 1});
  walk_members("successor, 2 owners, 2 deaths", {.claimers = {"a"}, .lines = 1, .leaves_dead = true, .owners = 2},
               {.preemptions = 1, .deaths = 2});
  walk_members("2 successors and owner", {.claimers = {"a", "a"}, .lines = 2, .leaves_dead = true, .owners = 1},
               {.preemptions = 1, .deaths = 1});
  walk_members("successor leaves again", {.claimers = {"a", "a"}, .lines = 1, .leaves_dead = true, .leaves = true},
               {.preemptions = 2, .deaths = 1});
}

TEST_CASE("members, explored: whoever needs a line does not get that of a dead member within its grace") {
  walk_members("newcomer", {.claimers = {"b"}, .lines = 1, .leaves_dead = true}, {.preemptions = 2, .deaths = 1});
  walk_members("newcomer and owner", {.claimers = {"b"}, .lines = 1, .leaves_dead = true, .owners = 1},
               {.preemptions = 2, .deaths = 1});
  walk_members("newcomer and successor", {.claimers = {"b", "a"}, .lines = 1, .leaves_dead = true},
               {.preemptions = 2, .deaths = 1});
  walk_members("stranger and successor, 2 lines", {.claimers = {"", "a"}, .lines = 2, .leaves_dead = true},
               {.preemptions = 1, .deaths = 2});
}

TEST_CASE("owner line, explored: an owner is read whole or not at all (killed while it writes)") {
  for (const bool is_first_dead : {false, true}) {
    CAPTURE(is_first_dead);
    const auto make = [&] { return std::make_unique<OwnerWorld>(is_first_dead); };
    walk("owners follow each other", {.preemptions = 4, .deaths = 1}, make);
    walk("with delayed stores", {.preemptions = 2, .deaths = 1, .delays = 1}, make);
  }
}

TEST_CASE("members and owners, explored: on a machine that reorders stores and loads, as far as the orders let it") {
  const auto walk_members_reordered = [](const char* name, const MemberShape& shape, unsigned deaths) {
    walk_reordered(name, {.preemptions = 1, .deaths = deaths}, 60'000,
                   [&] { return std::make_unique<MemberWorld>(shape); });
  };
  walk_members_reordered("2 of one id, 2 lines", {.claimers = {"a", "a"}, .lines = 2}, 0);
  walk_members_reordered("2 ids, 1 line", {.claimers = {"a", "b"}, .lines = 1, .leaves = true}, 0);
  walk_members_reordered("successor and owner", {.claimers = {"a"}, .lines = 1, .leaves_dead = true, .owners = 1}, 1);
  for (const bool is_first_dead : {false, true}) {
    CAPTURE(is_first_dead);
    walk_reordered("owners follow each other", {.preemptions = 1, .deaths = 1}, 60'000,
                   [&] { return std::make_unique<OwnerWorld>(is_first_dead); });
  }
}
