#pragma once

// The arithmetic of a ring's segments: how large they are, where what lies in them, and whether a shape that somebody
// else wrote is one that we would have written.

#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/ring_layout.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"
#include "ringfleet/ring/ring_spec.hpp"
#include "ringfleet/ring/shared_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ringfleet::ring::detail {

// Throws Error(invalid_argument, limit_reached) naming the field of the specification that is wrong.
void check_spec(const RingSpec& spec);

[[nodiscard]] RingShape shape_of(const RingSpec& spec) noexcept;

// `shape`: a private copy. Throws Error(bad_segment) naming the field.
[[nodiscard]] RingFacts check_shape(const RingShape& shape, std::string_view label);
// Throws Error(bad_segment) naming what was expected and found.
void check_facts(const RingFacts& facts, const RingExpectation& expected, std::string_view label);

// The shape must be a checked one.
[[nodiscard]] std::uint64_t ring_body_bytes(const RingShape& shape) noexcept;
[[nodiscard]] std::uint64_t members_body_bytes(const RingShape& shape) noexcept;
[[nodiscard]] std::uint64_t arena_body_bytes(const RingShape& shape) noexcept; // 0: no arena

struct RingParts {
  RingHead* head = nullptr;
  ProducerLines* producer = nullptr;
  std::span<std::uint64_t> evicted;
  SharedLines* shared = nullptr; // where many produce
  OwnerTable* owners = nullptr;
  std::span<std::uint64_t> descriptors;
  std::span<std::uint64_t> lenders; // by arena, from the first on: who lends from it
  std::span<std::byte> units;
};
struct MemberParts {
  TableHead* head = nullptr;
  std::span<MemberLine> lines;
  std::span<ReaderLines> readers;
};

// Throw Error(bad_segment) when the body is too small.
[[nodiscard]] RingParts carve_ring(std::span<std::byte> body, const RingShape& shape);
[[nodiscard]] MemberParts carve_members(std::span<std::byte> body, const RingShape& shape);

} // namespace ringfleet::ring::detail
