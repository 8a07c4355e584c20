#include "ringfleet/ring/detail/ring_shape.hpp"

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/memory/carver.hpp"

#include <array>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace ringfleet::ring::detail {
namespace {

std::uint64_t checksum_of(const RingShape& shape) noexcept {
  std::array<unsigned char, offsetof(RingShape, checksum)> bytes{};
  std::memcpy(bytes.data(), &shape, bytes.size());
  std::uint64_t sum = 0xcbf2'9ce4'8422'2325;
  for (const unsigned char byte : bytes) {
    sum = (sum ^ byte) * 0x100'0000'01b3;
  }
  return sum;
}

void require_limit(const RingSpec& spec, const char* what, std::uint64_t value, std::uint64_t max) {
  if (value > max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("{}: {} is {}, the limit is {}", spec.place.text(), what, value, max));
  }
}

[[noreturn]] void refuse(std::string_view label, const char* field, const std::string& is, const std::string& wanted,
                         const char* advice = "") {
  throw Error(ErrorCode::bad_segment, fmt::format("{}: {} is {}, expected {}", label, field, is, wanted), advice);
}

void require(bool holds, std::string_view label, const char* field, std::uint64_t is, const char* wanted) {
  if (!holds) {
    refuse(label, field, std::to_string(is), wanted);
  }
}

std::uint64_t claim_bytes_of(const RingShape& shape) noexcept {
  return shape.producers == static_cast<std::uint32_t>(Producers::many)
             ? sizeof(SharedLines) + sizeof(OwnerTable) + (shape.capacity + shape.lenders) * sizeof(std::uint64_t)
             : 0;
}

const char* text_of(Waiting waiting) noexcept {
  return waiting == Waiting::park ? "park" : "spin";
}
const char* text_of(Producers producers) noexcept {
  return producers == Producers::many ? "many" : "one";
}

} // namespace

void check_spec(const RingSpec& spec) {
  const auto invalid = [&](const char* what, std::uint64_t value, const char* why) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: {} is {}: {}", spec.place.text(), what, value, why));
  };
  if (spec.unit_bytes == 0) {
    invalid("unit size", spec.unit_bytes, "an element has at least one byte");
  }
  if (!is_power_of_two(spec.capacity)) {
    invalid("capacity", spec.capacity, "it must be a power of two");
  }
  if (spec.members == 0) {
    invalid("number of members", spec.members, "there must be room for one reader");
  }
  if ((spec.options.mode & ~0777U) != 0 || (spec.options.mode & 0600U) != 0600U) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: mode is {:#o}: its owner must be able to read and write it", spec.place.text(),
                            spec.options.mode));
  }
  if (spec.place.backing() == memory::Backing::heap && spec.options.mapping != os::MappingOptions{}) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: a heap ring takes no wishes about its memory", spec.place.text()),
                "use an anonymous ring");
  }
  if (spec.arenas == 0 || (spec.arenas != 1 && spec.producers == Producers::one)) {
    invalid("number of arenas", spec.arenas, "one producer has one, many have one for each that lends");
  }
  require_limit(spec, "number of arenas", spec.arenas, limits::ring_arenas_max);
  require_limit(spec, "unit size", spec.unit_bytes, limits::ring_unit_bytes_max);
  require_limit(spec, "capacity", spec.capacity, limits::ring_capacity_max);
  require_limit(spec, "number of members", spec.members, limits::ring_members_max);
  require_limit(spec, "arena size", spec.arena_bytes, limits::ring_arena_bytes_max / spec.arenas);
  require_limit(spec, "size in bytes", spec.capacity * spec.unit_bytes, limits::ring_bytes_max);
}

RingShape shape_of(const RingSpec& spec) noexcept {
  RingShape shape{};
  shape.capacity = spec.capacity;
  shape.unit_bytes = spec.unit_bytes;
  shape.members = spec.members;
  shape.producers = static_cast<std::uint32_t>(spec.producers);
  shape.waiting = spec.waiting == Waiting::park ? 1 : 0;
  shape.lossy = spec.lossy_allowed ? 1 : 0;
  shape.arena_bytes = round_up<std::uint64_t>(spec.arena_bytes, page_bytes);
  shape.lenders = spec.producers == Producers::many && spec.arena_bytes != 0 ? spec.arenas : 0;
  shape.layout = shape.lenders != 0 ? ring_layout_version_lenders : ring_layout_version;
  shape.claim_bytes = claim_bytes_of(shape);
  shape.checksum = checksum_of(shape);
  return shape;
}

RingFacts check_shape(const RingShape& shape, std::string_view label) {
  if (shape.checksum != checksum_of(shape)) {
    refuse(label, "shape checksum", fmt::format("{:#018x}", shape.checksum),
           fmt::format("{:#018x}", checksum_of(shape)), "it is damaged: remove it");
  }
  const auto layout = shape.lenders != 0 ? ring_layout_version_lenders : ring_layout_version;
  if (shape.layout != layout) {
    throw Error(ErrorCode::version_mismatch,
                fmt::format("{}: ring layout version is {}, expected {}", label, shape.layout, layout),
                "both sides must be built from the same version; remove the ring, or replace it");
  }
  require(shape.capacity <= limits::ring_capacity_max && is_power_of_two(shape.capacity), label, "capacity",
          shape.capacity, "a power of two within the limit");
  require(shape.unit_bytes != 0 && shape.unit_bytes <= limits::ring_unit_bytes_max, label, "element size",
          shape.unit_bytes, "a size within the limit");
  require(shape.capacity * shape.unit_bytes <= limits::ring_bytes_max, label, "size in bytes",
          shape.capacity * shape.unit_bytes, "a size within the limit");
  require(shape.members != 0 && shape.members <= limits::ring_members_max, label, "number of members", shape.members,
          "a number within the limit");
  require(shape.producers == static_cast<std::uint32_t>(Producers::one) ||
              shape.producers == static_cast<std::uint32_t>(Producers::many),
          label, "producers", shape.producers, "1 (one) or 2 (many)");
  require(shape.waiting <= 1, label, "way of waiting", shape.waiting, "0 (spin) or 1 (park)");
  require(shape.lossy <= 1, label, "lossy readers", shape.lossy, "0 or 1");
  require(shape.arena_bytes <= limits::ring_arena_bytes_max && shape.arena_bytes % page_bytes == 0, label, "arena size",
          shape.arena_bytes, "whole pages within the limit");
  require(shape.lenders <= limits::ring_arenas_max &&
              (shape.lenders == 0 || shape.producers == static_cast<std::uint32_t>(Producers::many)) &&
              arena_body_bytes(shape) <= limits::ring_arena_bytes_max,
          label, "number of arenas", shape.lenders, "a number within the limit, and none with one producer");
  require(shape.claim_bytes == claim_bytes_of(shape), label, "claim table size", shape.claim_bytes,
          "the size for this capacity");
  RingFacts facts;
  facts.unit_bytes = shape.unit_bytes;
  facts.capacity = shape.capacity;
  facts.members = shape.members;
  facts.producers = static_cast<Producers>(shape.producers);
  facts.waiting = shape.waiting != 0 ? Waiting::park : Waiting::spin;
  facts.lossy_allowed = shape.lossy != 0;
  facts.arena_bytes = shape.arena_bytes;
  facts.arenas = static_cast<std::uint32_t>(shape.lenders != 0 || shape.arena_bytes == 0 ? shape.lenders : 1);
  return facts;
}

void check_facts(const RingFacts& facts, const RingExpectation& expected, std::string_view label) {
  if (facts.unit_bytes != expected.unit_bytes) {
    refuse(label, "element size", std::to_string(facts.unit_bytes), std::to_string(expected.unit_bytes));
  }
  if (expected.capacity && facts.capacity != *expected.capacity) {
    refuse(label, "capacity", std::to_string(facts.capacity), std::to_string(*expected.capacity));
  }
  if (facts.producers != expected.producers) {
    refuse(label, "number of producers", text_of(facts.producers), text_of(expected.producers));
  }
  if (expected.waiting && facts.waiting != *expected.waiting) {
    refuse(label, "way of waiting", text_of(facts.waiting), text_of(*expected.waiting));
  }
  if (expected.lossy_allowed && facts.lossy_allowed != *expected.lossy_allowed) {
    refuse(label, "admission of lossy readers", facts.lossy_allowed ? "yes" : "no",
           *expected.lossy_allowed ? "yes" : "no");
  }
}

RingParts carve_ring(std::span<std::byte> body, const RingShape& shape) {
  memory::Carver carver(body);
  RingParts parts;
  parts.head = carver.take<RingHead>(1).data();
  parts.producer = carver.take<ProducerLines>(1, cache_line_pair_bytes).data();
  parts.evicted = carver.take<std::uint64_t>(shape.members, cache_line_pair_bytes);
  if (shape.claim_bytes != 0) {
    parts.shared = carver.take<SharedLines>(1, cache_line_pair_bytes).data();
    parts.owners = carver.take<OwnerTable>(1).data();
    parts.descriptors = carver.take<std::uint64_t>(shape.capacity);
    parts.lenders = carver.take<std::uint64_t>(shape.lenders);
  }
  parts.units = carver.take<std::byte>(shape.capacity * shape.unit_bytes, page_bytes);
  return parts;
}

MemberParts carve_members(std::span<std::byte> body, const RingShape& shape) {
  memory::Carver carver(body);
  MemberParts parts;
  parts.head = carver.take<TableHead>(1).data();
  parts.lines = carver.take<MemberLine>(shape.members);
  parts.readers = carver.take<ReaderLines>(shape.members, cache_line_pair_bytes);
  return parts;
}

std::uint64_t ring_body_bytes(const RingShape& shape) noexcept {
  std::uint64_t bytes = sizeof(RingHead) + sizeof(ProducerLines);
  bytes = round_up<std::uint64_t>(bytes + shape.members * sizeof(std::uint64_t), cache_line_pair_bytes);
  bytes = round_up<std::uint64_t>(bytes + shape.claim_bytes, page_bytes);
  return round_up<std::uint64_t>(bytes + shape.capacity * shape.unit_bytes, page_bytes);
}

std::uint64_t members_body_bytes(const RingShape& shape) noexcept {
  return round_up<std::uint64_t>(sizeof(TableHead) + shape.members * (sizeof(MemberLine) + sizeof(ReaderLines)),
                                 page_bytes);
}

std::uint64_t arena_body_bytes(const RingShape& shape) noexcept {
  return shape.arena_bytes * (shape.lenders != 0 ? shape.lenders : 1);
}

} // namespace ringfleet::ring::detail
