#include "../seed.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/frame/arena.hpp"
#include "ringfleet/frame/arena_views.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::frame;

namespace {

struct Memory {
  explicit Memory(std::size_t size) : bytes(size) {}
  std::vector<std::byte> bytes;
};

} // namespace

TEST_CASE("arena: blocks are aligned, and what is freed in any order becomes one hole again") {
  Memory memory(64 * 100);
  std::array<int, 4> order{0, 1, 2, 3};
  do {
    Arena arena(memory.bytes);
    std::array<std::uint64_t, 4> offsets{};
    for (auto& offset : offsets) {
      offset = arena.allocate(25 * 64 - 7).value();
      CHECK(offset % cache_line_bytes == 0);
    }
    CHECK(arena.used_bytes() == 6'400);
    CHECK_FALSE(arena.allocate(1));
    for (const auto index : order) {
      arena.free(offsets[static_cast<std::size_t>(index)]);
    }
    CHECK(arena.used_bytes() == 0);
    CHECK(arena.allocate(6'400) == std::optional<std::uint64_t>(0));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("arena: the best fitting hole is taken, so that large ones last") {
  Memory memory(64 * 16);
  Arena arena(memory.bytes);
  const auto large = arena.allocate(64 * 8).value();
  (void)arena.allocate(64);
  const auto small = arena.allocate(64 * 2).value();
  (void)arena.allocate(64 * 5);
  arena.free(large);
  arena.free(small);
  CHECK(arena.allocate(100) == std::optional(small));
  CHECK(arena.allocate(64 * 8) == std::optional(large));
}

TEST_CASE("arena: more than it has, more than an integer holds, and nothing at all") {
  Memory memory(1'000); // 15 lines are usable
  Arena arena(memory.bytes);
  CHECK_FALSE(arena.allocate(1'000));
  CHECK_FALSE(arena.allocate(~std::uint64_t{0}));
  CHECK_FALSE(arena.allocate(~std::uint64_t{62}));
  const auto empty = arena.allocate(0);
  REQUIRE(empty);
  CHECK(arena.used_bytes() == 64);
  CHECK(arena.allocate(14 * 64));
  CHECK_FALSE(arena.allocate(0));
}

TEST_CASE("arena: memory of less than a line is none") {
  Memory memory(63);
  CHECK_FALSE(Arena(memory.bytes).allocate(1));
}

TEST_CASE("arena: random allocations and frees never overlap and agree with a model") {
  const auto seed = ringfleet::test::seed_or(4711);
  MESSAGE("seed ", seed);
  std::mt19937_64 random(seed);
  Memory memory(64 * 512);
  Arena arena(memory.bytes);
  std::map<std::uint64_t, std::uint64_t> model; // offset → end
  auto has_hole = [&](std::uint64_t bytes) {
    std::uint64_t begin = 0;
    for (const auto& [offset, end] : model) {
      if (offset - begin >= bytes) {
        return true;
      }
      begin = end;
    }
    return memory.bytes.size() - begin >= bytes;
  };
  std::uint64_t refused = 0;
  std::uint64_t wrong = 0;
  for (std::uint64_t step = 0; step < ringfleet::test::rounds_or(50'000); ++step) {
    if (random() % 100 < 52) {
      const auto bytes = random() % (random() % 10 == 0 ? 8'000 : 600) + 1;
      const auto rounded = round_up<std::uint64_t>(bytes, cache_line_bytes);
      const auto offset = arena.allocate(bytes);
      wrong += offset.has_value() != has_hole(rounded);
      if (!offset) {
        ++refused;
        continue;
      }
      const auto end = *offset + rounded;
      const auto next = model.lower_bound(*offset);
      wrong += end > memory.bytes.size();
      wrong += next != model.end() && next->first < end;
      wrong += next != model.begin() && std::prev(next)->second > *offset;
      model.emplace(*offset, end);
    } else if (!model.empty()) {
      const auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      arena.free(victim->first);
      model.erase(victim);
    }
    std::uint64_t used = 0;
    for (const auto& [offset, end] : model) {
      used += end - offset;
    }
    wrong += arena.used_bytes() != used;
  }
  CHECK(wrong == 0);
  CHECK(refused > 100);
  for (const auto& [offset, end] : model) {
    arena.free(offset);
  }
  CHECK(arena.allocate(memory.bytes.size()));
}

TEST_CASE("arena_set: arenas double, large payloads get one that holds them, and limits end the growth") {
  ArenaSet set;
  CHECK(set.growth_for(1) == limits::arena_bytes_first);
  CHECK(set.growth_for(limits::payload_bytes_max) == limits::payload_bytes_max);
  CHECK(set.growth_for(limits::arena_bytes_max + 1) == 0);
  CHECK_FALSE(set.allocate(1));
  Memory first(limits::arena_bytes_first);
  CHECK(set.next_number() == 1);
  CHECK(set.add(first.bytes) == 1);
  CHECK(set.growth_for(1) == 2 * limits::arena_bytes_first);
  CHECK(set.growth_for(3'000'000) == 4'194'304);
  CHECK(set.total_bytes() == limits::arena_bytes_first);
  std::vector<std::byte> tiny(64);
  for (std::uint32_t number = 2; number <= limits::arenas_per_side_max; ++number) {
    CHECK(set.add(tiny) == number);
  }
  CHECK(set.growth_for(1) == 0);
}

TEST_CASE("arena_set: a block is as long as asked for, lies in the arena its word names, and is freed by the word") {
  ArenaSet set;
  Memory first(4'096);
  Memory second(8'192);
  set.add(first.bytes);
  set.add(second.bytes);
  const auto small = set.allocate(100).value();
  const auto large = set.allocate(8'000).value();
  CHECK(small.bytes.size() == 100);
  CHECK(arena_of(small.payload) == 1);
  CHECK(arena_of(large.payload) == 2);
  CHECK(small.bytes.data() == first.bytes.data() + offset_of(small.payload));
  CHECK(set.bytes_of(large.payload, 8'000).data() == large.bytes.data());
  CHECK(set.used_bytes() == 128 + 8'000);
  CHECK_FALSE(set.allocate(5'000));
  set.free(large.payload);
  set.free(small.payload);
  CHECK(set.used_bytes() == 0);
}

// fault 20
TEST_CASE("arena_views: every word outside an open arena is refused") {
  Memory first(1'024);
  Memory third(4'096);
  ArenaViews views;
  CHECK_FALSE(views.open(0, first.bytes));
  CHECK_FALSE(views.open(limits::arenas_per_side_max + 1, first.bytes));
  CHECK(views.open(1, first.bytes));
  CHECK(views.open(3, third.bytes));
  CHECK_FALSE(views.open(3, first.bytes));

  CHECK(views.resolve(payload_word(1, 0), 1'024)->data() == first.bytes.data());
  CHECK(views.resolve(payload_word(3, 4'000), 96)->data() == third.bytes.data() + 4'000);
  CHECK(views.resolve(payload_word(1, 1'024), 0)->empty());
  CHECK_FALSE(views.resolve(payload_word(1, 0), 1'025));
  CHECK_FALSE(views.resolve(payload_word(1, 1'025), 0));
  CHECK_FALSE(views.resolve(payload_word(1, 1'000), 25));
  CHECK_FALSE(views.resolve(payload_word(1, 1), ~std::uint64_t{0}));
  CHECK_FALSE(views.resolve(payload_word(1, offset_mask), 1));
  CHECK_FALSE(views.resolve(payload_word(2, 0), 1));
  CHECK_FALSE(views.resolve(payload_word(17, 0), 0));
  CHECK_FALSE(views.resolve(payload_word(31, 0), 0));
  CHECK_FALSE(views.resolve(0, 0));
  for (const unsigned bit : {48U, 52U, 55U, 61U, 62U, 63U}) { // bits nobody writes
    CHECK_FALSE(views.resolve(payload_word(1, 0) | std::uint64_t{1} << bit, 1));
  }
}

TEST_CASE("arena_views: a random word resolves into an open arena or not at all") {
  const auto seed = ringfleet::test::seed_or(99);
  MESSAGE("seed ", seed);
  std::mt19937_64 random(seed);
  Memory memory(1'000);
  ArenaViews views;
  REQUIRE(views.open(2, memory.bytes));
  std::uint64_t accepted = 0;
  std::uint64_t wrong = 0;
  for (int i = 0; i < 300'000; ++i) {
    const auto word = payload_word(static_cast<std::uint32_t>(random() % 20), random() % 2'000) ^
                      (random() % 8 == 0 ? std::uint64_t{1} << random() % 64 : 0);
    const auto bytes = random() % 16 == 0 ? random() : random() % 1'200;
    if (const auto span = views.resolve(word, bytes)) {
      ++accepted;
      wrong += span->size() != bytes || span->data() < memory.bytes.data() ||
               span->data() + bytes > memory.bytes.data() + memory.bytes.size();
    }
  }
  CHECK(wrong == 0);
  CHECK(accepted > 0);
}
