// What a process asks of its own mapping of a ring holds for all of its segments, however it came to them: also for the
// member table, where the gates lie that every release stores into. // T17

#include "space_fixture.hpp"

#include "../scale.hpp"

#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

constexpr os::MappingOptions locked{.lock_memory = true};

// Mappings of this process whose name holds `word`, and how many of them are locked.
struct Mappings {
  int all = 0;
  int locked = 0;

  static Mappings of(const std::string& word) {
    Mappings found;
    bool is_ours = false;
    std::ifstream smaps("/proc/self/smaps");
    for (std::string line; std::getline(smaps, line);) {
      if (line.starts_with("VmFlags:")) {
        found.locked += is_ours && (line + ' ').find(" lo ") != std::string::npos ? 1 : 0;
      } else if (line.find(": ") == std::string::npos) { // the head of one: addresses, and the name
        is_ours = line.find(word) != std::string::npos;
        found.all += is_ours ? 1 : 0;
      }
    }
    return found;
  }
};

constexpr int not_allowed = 77;
// In a child, which has none of our mappings: 0 when all three segments of what `open()` answers are locked.
std::string segments_locked_by(const std::string& word, const std::function<RingSpace()>& open) {
  const auto status = in_forked_child([&] {
    try {
      const auto space = open();
      const auto mappings = Mappings::of(word);
      return mappings.all == 3 && mappings.locked == 3 ? 0 : 10 * mappings.all + mappings.locked;
    } catch (const Error& error) {
      return error.code() == ErrorCode::no_permission ? not_allowed : 1;
    }
  });
  if (status.code == not_allowed) {
    MESSAGE("SKIPPED: this user may not lock memory (ulimit -l)");
    return os::ExitStatus{}.to_string();
  }
  return status.to_string();
}

RingSpec with_arena(const memory::Place& place) {
  auto spec = ticks_at(place);
  spec.arena_bytes = 10'000;
  return spec;
}
RingExpectation locked_ticks() {
  auto expected = ticks();
  expected.mapping = locked;
  return expected;
}

} // namespace

TEST_CASE("ring space: who asks for locked memory has all of it locked, however it attaches") {
  if (ringfleet::test::scale_down != 1) {
    MESSAGE("SKIPPED: sanitizers make mlock do nothing");
    return;
  }
  const auto in_order = os::ExitStatus{}.to_string();
  ScratchRing scratch(memory::Backing::shm);
  const auto& name = scratch.place().name();

  SUBCASE("made") {
    CHECK(segments_locked_by(name, [&] {
            auto spec = with_arena(scratch.place());
            spec.options.mapping = locked;
            return RingSpace::create(spec);
          }) == in_order);
  }
  SUBCASE("attached by its name") {
    const auto owner = RingSpace::create(with_arena(scratch.place()));
    CHECK(segments_locked_by(name, [&] { return RingSpace::attach(scratch.place(), locked_ticks()); }) == in_order);
  }
  SUBCASE("continued") {
    {
      const auto before = RingSpace::create(with_arena(scratch.place()));
    }
    CHECK(segments_locked_by(name, [&] {
            auto spec = with_arena(scratch.place());
            spec.options.mapping = locked;
            return RingSpace::create(spec);
          }) == in_order);
  }
  SUBCASE("attached by its descriptors") {
    const auto owner = RingSpace::create(with_arena(memory::Place::anonymous("wishes")));
    auto descriptors = owner.descriptors();
    CHECK(segments_locked_by("wishes", [&] {
            return RingSpace::attach(std::move(descriptors), locked_ticks(), "wishes");
          }) == in_order);
  }
}
