#pragma once

// Segments whose bytes were changed, put right again as far as an input asks for it, so that the checks behind a
// checksum are reached.

#include "input.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringfleet::fuzz {

// What is put right, and how a segment is sealed.
enum Flag : std::uint8_t { repair_header = 1, repair_shape = 2, adapt_size = 4, resize = 8, no_seals = 16 };

inline void repair_checksum(std::span<std::uint8_t> bytes, std::size_t at) {
  std::uint64_t sum = 0xcbf2'9ce4'8422'2325; // FNV-1a
  for (const auto byte : bytes.first(at)) {
    sum = (sum ^ byte) * 0x100'0000'01b3;
  }
  std::memcpy(bytes.data() + at, &sum, sizeof sum);
}

// `is_ring`: it has a shape. What is too short for that stays as it is.
inline void repair(Bytes& file, std::uint8_t flags, bool is_ring) {
  if (file.size() <= memory::segment_body_offset + sizeof(ring::RingShape)) {
    return;
  }
  if ((flags & adapt_size) != 0) {
    const std::uint64_t body = file.size() - memory::segment_body_offset;
    std::memcpy(file.data() + offsetof(memory::SegmentHeader, body_bytes), &body, sizeof body);
  }
  if ((flags & repair_shape) != 0 && is_ring) {
    repair_checksum(std::span(file).subspan(memory::segment_body_offset), offsetof(ring::RingShape, checksum));
  }
  if ((flags & repair_header) != 0) {
    repair_checksum(file, offsetof(memory::SegmentHeader, checksum));
  }
}

// One wild write into it, mostly where something is checked: in the first line of a header, of a shape, of a body.
inline void scribble_at_a_beginning(Bytes& file, Input& input) {
  constexpr std::size_t begins[] = {0, memory::segment_body_offset, memory::segment_body_offset + 256, 0};
  const auto begin = begins[input.take<std::uint8_t>() % std::size(begins)];
  if (begin < file.size()) {
    scribble(std::as_writable_bytes(std::span(file)).subspan(begin), input);
  }
}

} // namespace ringfleet::fuzz
