#pragma once

// The bytes of a counter file: one process writes it, anyone who may open it reads it, at any time, and it stays
// readable after the writer's death. It lies in the fleet's directory, is allocated in full, and never changes its
// size.
//
//   0         4         8                  16
//   +---------+---------+-------------------+
//   | magic             | layout  | items   |   CounterFileHeader, 256 bytes: magic, layout version, capacity;
//   | start time        | pid     | (zero)  |   the owner, pid last;
//   | serial            | boot id (16)      |   serial of the runner, 0 for a scheduler; the boot the owner lives in;
//   |                   | role (16)         |   names are zero-padded text
//   |                   | fleet (64)        |
//   | …                                     |
//   | name (64) …                           |
//   +---------------------------------------+
//   | kind    | writes  | value             |   CounterItem, 192 bytes, three cache lines, items_max of them:
//   | label (48)                            |   the line of the number
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

inline constexpr std::uint64_t file_magic = 0x0031'7265'746e'7563; // "cunter1", little endian
inline constexpr std::uint32_t layout_version = 1;
inline constexpr std::size_t text_bytes = 64;

enum class Kind : std::uint32_t {
  none = 0,
  counter = 1, // only grows
  gauge = 2,   // goes up and down
  text = 3,
};

struct CounterFileHeader {
  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t items_max;
  std::uint64_t start_time_ticks;
  std::uint32_t pid; // 0: created for a process that has not attached yet
  std::uint32_t reserved;
  std::uint64_t serial;
  unsigned char boot_id[16];
  char role[16];
  char fleet[64];
  char name[64];
  unsigned char unused[56];
};

struct CounterItem {
  std::uint32_t kind;
  std::uint32_t writes;
  std::uint64_t value;
  char label[limits::counter_label_bytes];
  std::uint64_t text[2][text_bytes / sizeof(std::uint64_t)];
};

inline constexpr std::size_t file_bytes = sizeof(CounterFileHeader) + limits::counters_max * sizeof(CounterItem);

static_assert(sizeof(CounterFileHeader) == 256 && std::is_standard_layout_v<CounterFileHeader> &&
              std::is_trivially_copyable_v<CounterFileHeader>);
static_assert(offsetof(CounterFileHeader, layout) == 8 && offsetof(CounterFileHeader, items_max) == 12);
static_assert(offsetof(CounterFileHeader, start_time_ticks) == 16 && offsetof(CounterFileHeader, pid) == 24);
static_assert(offsetof(CounterFileHeader, serial) == 32 && offsetof(CounterFileHeader, boot_id) == 40);
static_assert(offsetof(CounterFileHeader, role) == 56 && offsetof(CounterFileHeader, fleet) == 72);
static_assert(offsetof(CounterFileHeader, name) == 136 && offsetof(CounterFileHeader, unused) == 200);
static_assert(sizeof(CounterItem) == 192 && std::is_standard_layout_v<CounterItem> &&
              std::is_trivially_copyable_v<CounterItem>);
static_assert(offsetof(CounterItem, writes) == 4 && offsetof(CounterItem, value) == 8);
static_assert(offsetof(CounterItem, label) == 16 && offsetof(CounterItem, text) == 64);
static_assert(limits::name_bytes_max < sizeof(CounterFileHeader::fleet), "a name keeps its final zero");

} // namespace ringfleet::counter
