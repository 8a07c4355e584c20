#pragma once

// Where a record begins, for a reader that comes in at a position that need not be the beginning of one (oldest, or a
// sequence). Records name their own position; a block that looks like one by chance does not start a chain of records
// that ends where the published ones end. That is proof against chance, not against a writer that puts the bytes of
// strangers into its messages, when those know the positions: whoever must not be misled joins at latest, or at the id
// of a message.

#include "ringfleet/frame/record.hpp"

#include <cstdint>

namespace ringfleet::frame {

// Is there a chain of records from `position` to `end`, or at least `records_max` of them?
template <class A = Atomics, class R>
[[nodiscard]] bool is_record_chain(R& reader, std::uint64_t position, std::uint64_t end, std::uint64_t capacity,
                                   std::uint32_t records_max) noexcept {
  for (std::uint32_t i = 0; i < records_max && position != end; ++i) {
    const auto header = load_header<A>(reader.slot(position));
    if (check_record(header, position, end, capacity) != RecordFault::none) {
      return false;
    }
    position += blocks_of(header.length);
  }
  return true;
}

// The first record at or after `from`, and below `end`, where the published records end; `end` when there is none. The
// blocks between must stay what they are meanwhile: the reader's gate is at `from`.
template <class A = Atomics, class R>
[[nodiscard]] std::uint64_t first_record(R& reader, std::uint64_t from, std::uint64_t end,
                                         std::uint64_t capacity) noexcept {
  constexpr std::uint32_t chain = 16;
  for (auto position = from; position != end; ++position) {
    if (is_record_chain<A>(reader, position, end, capacity, chain)) {
      return position;
    }
  }
  return end;
}

} // namespace ringfleet::frame
