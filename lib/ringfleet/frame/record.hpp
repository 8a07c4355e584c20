#pragma once

// Record headers in and out of the ring. Whatever comes out has been copied once, word by word, and only the copy is
// looked at; check_record() says whether it can be believed.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/frame/record_layout.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace ringfleet::frame {

// Why a record is not believed.
enum class RecordFault : std::uint8_t {
  none,
  form,     // not one of ours, or the byte that is zero is not
  position, // the record does not name its own place
  length,   // leaves what is published, crosses the end of the ring, or does not fit the form
  fragment, // totals, offsets or ids that contradict each other or what came before
  loan,     // an arena that is not open, or a range that leaves it
  oversize  // a message larger than this reader takes
};

[[nodiscard]] constexpr const char* to_string(RecordFault fault) noexcept {
  switch (fault) {
  case RecordFault::none: return "none";
  case RecordFault::form: return "unknown form of record";
  case RecordFault::position: return "record that does not name its own position";
  case RecordFault::length: return "length that does not fit the record";
  case RecordFault::fragment: return "fragment that contradicts its message";
  case RecordFault::loan: return "loan outside of every arena";
  case RecordFault::oversize: return "message larger than the reader takes";
  }
  return "unknown";
}

namespace detail {

using HeaderWords = std::array<std::uint64_t, 2>;
static_assert(sizeof(HeaderWords) == sizeof(RecordHeader));

inline std::uint64_t& word_of(FrameBlock& block, std::size_t index) noexcept {
  return *reinterpret_cast<std::uint64_t*>(block.bytes + 8 * index);
}
inline const std::uint64_t& word_of(const FrameBlock& block, std::size_t index) noexcept {
  return *reinterpret_cast<const std::uint64_t*>(block.bytes + 8 * index);
}

} // namespace detail

// Only who has claimed the block. The cursor publishes it.
template <class A = Atomics>
void store_header(FrameBlock& block, const RecordHeader& header) noexcept {
  const auto words = std::bit_cast<detail::HeaderWords>(header);
  // Relaxed, and not plain: a lossy reader may be copying what lay here before.
  A::store_relaxed(detail::word_of(block, 0), words[0]);
  A::store_relaxed(detail::word_of(block, 1), words[1]);
}

template <class A = Atomics>
[[nodiscard]] RecordHeader load_header(const FrameBlock& block) noexcept {
  // Relaxed: ordered by the observation of the cursor that came before.
  return std::bit_cast<RecordHeader>(
      detail::HeaderWords{A::load_relaxed(detail::word_of(block, 0)), A::load_relaxed(detail::word_of(block, 1))});
}

// What follows the header, for the forms that have a structure there: words, copied one by one.
template <class Part, class A = Atomics>
void store_part(FrameBlock& block, const Part& part) noexcept {
  const auto words = std::bit_cast<std::array<std::uint64_t, sizeof(Part) / 8>>(part);
  for (std::size_t i = 0; i < words.size(); ++i) {
    A::store_relaxed(detail::word_of(block, 2 + i), words[i]);
  }
}
template <class Part, class A = Atomics>
[[nodiscard]] Part load_part(const FrameBlock& block) noexcept {
  std::array<std::uint64_t, sizeof(Part) / 8> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = A::load_relaxed(detail::word_of(block, 2 + i));
  }
  return std::bit_cast<Part>(words);
}

[[nodiscard]] constexpr RecordHeader header_of(std::uint64_t position, RecordForm form, std::uint64_t length,
                                               std::uint16_t kind) noexcept {
  return {.length = static_cast<std::uint32_t>(length), .kind = kind, .form = form, .zero = 0, .position = position};
}
// A record of nothing, over `blocks` blocks.
[[nodiscard]] constexpr RecordHeader padding_header(std::uint64_t position, std::uint64_t blocks) noexcept {
  return header_of(position, RecordForm::padding, blocks * block_bytes - record_header_bytes, 0);
}

// Can this be the header of the record at `position`, when the blocks up to `end` are published? Never looks at memory.
[[nodiscard]] inline RecordFault check_record(const RecordHeader& header, std::uint64_t position, std::uint64_t end,
                                              std::uint64_t capacity) noexcept {
  if (header.position != position) {
    return RecordFault::position;
  }
  if (header.zero != 0 || header.form < RecordForm::data || header.form > RecordForm::aborted) {
    return RecordFault::form;
  }
  const auto blocks = blocks_of(header.length);
  const auto to_wrap = capacity - (position & (capacity - 1));
  const auto blocks_max = header.form == RecordForm::padding ? capacity : record_blocks_max(capacity);
  if (blocks > end - position || blocks > to_wrap || blocks > blocks_max) {
    return RecordFault::length;
  }
  switch (header.form) {
  case RecordForm::first:
  case RecordForm::middle:
  case RecordForm::last: return header.length > sizeof(FragmentHeader) ? RecordFault::none : RecordFault::length;
  case RecordForm::loan: return header.length == sizeof(LoanRecord) ? RecordFault::none : RecordFault::length;
  case RecordForm::aborted: return header.length == sizeof(AbortRecord) ? RecordFault::none : RecordFault::length;
  default: return RecordFault::none;
  }
}

} // namespace ringfleet::frame
