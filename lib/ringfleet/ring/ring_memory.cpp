#include "ringfleet/ring/ring_memory.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/bits.hpp"

namespace ringfleet::ring {

void format_ring(const RingLines& lines, std::uint64_t first_position) noexcept {
  RINGFLEET_ASSERT(is_power_of_two(lines.capacity), "the capacity of a ring is a power of two");
  RINGFLEET_ASSERT(lines.readers.size() <= reader_lines_max, "a parked producer cannot wait for that many readers");
  RINGFLEET_ASSERT(lines.evicted.size() == lines.readers.size(), "there is an eviction mark for each reader");
  for (std::size_t i = 0; i < lines.readers.size(); ++i) {
    lines.readers[i] = {};
    lines.readers[i].awaited_cursor = first_position;
    lines.readers[i].gate.publish(no_reader);
    Atomics::store_relaxed(lines.evicted[i], std::uint64_t{0});
  }
  lines.joins->publish(0);
  *lines.producer = {};
  lines.producer->awaited_gate = first_position;
  // Nothing is overwritten below it, so that nobody joins before the first position.
  lines.producer->limit.publish(first_position + lines.capacity);
  lines.producer->cursor.publish(first_position);
}

} // namespace ringfleet::ring
