#include "ringfleet/ring/shared_ring.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/bits.hpp"

namespace ringfleet::ring {

void format_ring(const SharedRingLines& lines, std::uint64_t first_position) noexcept {
  const auto capacity = lines.capacity();
  RINGFLEET_ASSERT(is_power_of_two(capacity) && capacity <= shared_capacity_max,
                   "the capacity of a ring is a power of two");
  RINGFLEET_ASSERT(lines.readers.size() <= reader_lines_max, "a line number fits the list of taken lines");
  RINGFLEET_ASSERT(lines.evicted.size() == lines.readers.size(), "there is an eviction mark for each reader");
  for (std::size_t i = 0; i < lines.readers.size(); ++i) {
    lines.readers[i] = {};
    lines.readers[i].awaited_cursor = first_position;
    lines.readers[i].gate.publish(no_reader);
    Atomics::store_relaxed(lines.evicted[i], std::uint64_t{0});
  }
  lines.joins->publish(0);
  for (std::uint32_t owner = 0; owner < owners_max; ++owner) {
    lines.owners->identity[owner] = 0;
    lines.owners->awaited_gate[owner] = first_position;
  }
  for (auto position = first_position; position != first_position + capacity; ++position) {
    const Claim lap_ago{.begin = position - capacity, .length = 1};
    lines.descriptor(position) = descriptor_of(lap_ago, lines.lap(lap_ago.begin));
  }
  auto& shared = *lines.shared;
  shared = {};
  shared.granted = first_position + capacity;
  shared.limit = first_position + capacity;
  shared.finished = first_position;
  shared.awaited_descriptor = first_position;
  Atomics::store_release(shared.tail, tail_word({.begin = first_position}));
}

} // namespace ringfleet::ring
