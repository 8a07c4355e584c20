#pragma once

// What a ring is to be like (for whoever makes it), and what it must be like (for whoever attaches to it).

#include "ringfleet/base/limits.hpp"
#include "ringfleet/memory/place.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/ring/barrier.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::ring {

enum class Producers : std::uint32_t {
  one = 1,
  many = 2 // processes or threads that share one total order
};

// What to do when a ring of this name is there and nobody owns it.
enum class Existing : std::uint8_t {
  continue_it, // under its next generation, from its cursor on; it must be as asked for. Makes one where there is none
  replace      // a fresh one; readers of the old one learn that it was replaced
};

struct RingSpec {
  memory::Place place = memory::Place::heap();
  std::uint32_t unit_bytes = 0;
  std::uint64_t capacity = 0;    // units; a power of two
  std::uint32_t members = 64;    // lines of the member table, at most limits::ring_members_max
  std::uint64_t fingerprint = 0; // of what lies in a unit; both sides must name the same
  Producers producers = Producers::one;
  Waiting waiting = Waiting::park;
  bool lossy_allowed = true;
  std::uint64_t arena_bytes = 0; // of each arena; 0: none
  std::uint32_t arenas = 1;      // where many produce: how many of them lend at the same time; else 1
  Existing existing = Existing::continue_it;
  memory::SegmentOptions options = {};
};

// A difference is an Error that names what was expected and what was found. What is left out may be anything.
struct RingExpectation {
  std::uint32_t unit_bytes = 0;
  std::uint64_t fingerprint = 0;
  std::optional<std::uint64_t> capacity = std::nullopt;
  std::optional<Waiting> waiting = std::nullopt;
  std::optional<bool> lossy_allowed = std::nullopt;
  Producers producers = Producers::one;
  memory::Trust trust = {};
  os::MappingOptions mapping = {};
};

// What a ring is like, as found and checked.
struct RingFacts {
  std::uint32_t unit_bytes = 0;
  std::uint64_t capacity = 0;
  std::uint32_t members = 0;
  std::uint64_t fingerprint = 0;
  Producers producers = Producers::one;
  Waiting waiting = Waiting::park;
  bool lossy_allowed = false;
  std::uint64_t arena_bytes = 0; // of each
  std::uint32_t arenas = 0;
  std::uint64_t birth = 0; // which ring of this name it is; each has its own

  friend bool operator==(const RingFacts&, const RingFacts&) = default;
};

} // namespace ringfleet::ring
