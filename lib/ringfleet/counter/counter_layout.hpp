#pragma once

// The body of a counter file: one process writes it, anyone who may open it reads it, at any time, and it stays
// readable after the writer's death. A file segment (memory/segment_layout.hpp) of kind `counters` in the fleet's
// directory, allocated in full; it never changes its size.
//
//   0         4         8                  16
//   +---------+---------+-------------------+
//   | pid     | named   | start time        |   OwnerFields, 256 bytes: the process that counts, pid stored last;
//   | serial            | role (16)         |   of the runner, 0 for a scheduler; names are zero-padded text and are
//   |                   | fleet (64)        |   valid once `named` is 1
//   | …                 | name (64)         |
//   | PID namespaces: of the creator, …     |   in which their pids mean something
//   | … of the owner    | …                 |
//   | …                                     |
//   +---------------------------------------+
//   | kind    | writes  | value             |   CounterItem, 192 bytes, three cache lines, the line of the number
//   | label (48)                            |   first; as many as the file is long, at most counters_max
//   | text of even writes (64)              |
//   | text of odd writes (64)               |
//   +---------------------------------------+
//
// An item exists when its kind is not 0; kind is stored last. A text is written to the copy that is not shown, then
// `writes` goes up by one: a writer that dies between leaves the old text.

#include "ringfleet/base/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::counter {

// The segment's fingerprint: another number for every change of this layout.
inline constexpr std::uint64_t fingerprint = 0x0002'7265'746e'7563; // "cunter", 2
inline constexpr std::size_t text_bytes = 64;

enum class Kind : std::uint32_t {
  none = 0,
  counter = 1, // only grows
  gauge = 2,   // goes up and down
  text = 3,
};

struct OwnerFields {
  std::uint32_t pid; // 0: made for a process that has not attached yet
  std::uint32_t named;
  std::uint64_t start_time_ticks;
  std::uint64_t serial;
  char role[16];
  char fleet[64];
  char name[64];
  std::uint64_t creator_pid_namespace; // of the pid in the segment's header
  std::uint64_t pid_namespace;         // of `pid`
  unsigned char unused[72];
};

struct CounterItem {
  std::uint32_t kind;
  std::uint32_t writes;
  std::uint64_t value;
  std::uint64_t label[limits::counter_label_bytes / sizeof(std::uint64_t)];
  std::uint64_t text[2][text_bytes / sizeof(std::uint64_t)];
};

// What ringfleet's own processes make room for: three pages with the segment's header.
inline constexpr std::uint32_t own_counters = 41;

// The longest body; a file holds the front of it.
struct CounterBody {
  OwnerFields owner;
  CounterItem items[limits::counters_max];
};

[[nodiscard]] constexpr std::size_t body_bytes_for(std::uint32_t counters) noexcept {
  return offsetof(CounterBody, items) + counters * sizeof(CounterItem);
}
[[nodiscard]] constexpr std::uint32_t counters_in(std::size_t body_bytes) noexcept {
  const std::size_t fitting = (body_bytes - offsetof(CounterBody, items)) / sizeof(CounterItem);
  return fitting < limits::counters_max ? static_cast<std::uint32_t>(fitting) : limits::counters_max;
}

static_assert(std::is_standard_layout_v<CounterBody> && std::is_trivially_copyable_v<CounterBody>);
static_assert(sizeof(OwnerFields) == 256 && sizeof(CounterBody) == 256 + limits::counters_max * 192);
static_assert(offsetof(OwnerFields, named) == 4 && offsetof(OwnerFields, start_time_ticks) == 8);
static_assert(offsetof(OwnerFields, serial) == 16 && offsetof(OwnerFields, role) == 24);
static_assert(offsetof(OwnerFields, fleet) == 40 && offsetof(OwnerFields, name) == 104);
static_assert(offsetof(OwnerFields, creator_pid_namespace) == 168 && offsetof(OwnerFields, pid_namespace) == 176);
static_assert(sizeof(CounterItem) == 192);
static_assert(offsetof(CounterItem, writes) == 4 && offsetof(CounterItem, value) == 8);
static_assert(offsetof(CounterItem, label) == 16 && offsetof(CounterItem, text) == 64);
static_assert(limits::name_bytes_max < sizeof(OwnerFields::fleet), "a name keeps its final zero");

} // namespace ringfleet::counter
