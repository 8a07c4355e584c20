#include "ringfleet/ring/detail/new_ring.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "ringfleet/os/memory_placement.hpp"
#include "ringfleet/ring/detail/pid_scope.hpp"

#include <cstring>
#include <memory>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::ring::detail {
namespace {

std::uint64_t new_birth() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

struct SegmentSpecs {
  memory::SegmentSpec ring;
  memory::SegmentSpec members;
  memory::SegmentSpec arena;
};

SegmentSpecs specs_of(const RingSpec& spec, const RingShape& shape) {
  memory::SegmentSpec one{.kind = memory::SegmentKind::ring,
                          .body_bytes = ring_body_bytes(shape),
                          .generation = new_birth(),
                          .fingerprint = spec.fingerprint};
  SegmentSpecs all{one, one, one};
  all.members.kind = memory::SegmentKind::members;
  all.members.body_bytes = members_body_bytes(shape);
  all.arena.kind = memory::SegmentKind::arena;
  all.arena.body_bytes = arena_body_bytes(shape);
  return all;
}

// Nobody else sees the memory yet. It is zeroed.
void format_space(RingParts& ring, MemberParts& members, const RingShape& shape) {
  std::memcpy(&ring.head->shape, &shape, sizeof(shape));
  const auto scope = own_scope();
  std::memcpy(members.head->scope.boot_id, scope.boot_id.data(), sizeof(members.head->scope.boot_id));
  members.head->scope.pid_namespace = scope.pid_namespace;
  members.head->grace_ns = static_cast<std::uint64_t>(Nanoseconds(limits::member_grace).count());
  if (ring.shared != nullptr) {
    format_ring(SharedRingLines{ring.shared, ring.owners, ring.descriptors, ring.evicted, &members.head->joins,
                                members.readers});
  } else {
    format_ring({ring.producer, ring.evicted, &members.head->joins, members.readers, shape.capacity});
  }
  write_owner(ring.head->owner, own_owner(1));
}

// After the segments are attached and known to be of this process' making.
std::shared_ptr<SpaceParts> finished(std::shared_ptr<SpaceParts> parts, const RingShape& shape, const RingSpec& spec) {
  parts->facts = check_shape(shape, spec.place.text());
  parts->facts.fingerprint = spec.fingerprint;
  parts->facts.birth = parts->ring_segment.header().generation;
  parts->carve(shape);
  return parts;
}

memory::Segment anonymous_segment(const RingSpec& spec, const memory::SegmentSpec& segment, std::string_view part) {
  const auto label = part.empty() ? spec.place.name() : fmt::format("{}+{}", spec.place.name(), part);
  const auto& wishes = spec.options.mapping;
  auto file = memory::create_anonymous_segment(label, segment, wishes.huge_pages);
  auto mapped = memory::Segment::attach_writer(
      std::move(file), {.kind = segment.kind, .body_bytes_min = segment.body_bytes, .fingerprint = segment.fingerprint},
      label);
  os::place_memory(mapped.descriptor().get(), mapped.body(), true, wishes, label);
  return mapped;
}

} // namespace

std::shared_ptr<SpaceParts> create_heap(const RingSpec& spec) {
  const auto shape = shape_of(spec);
  const auto specs = specs_of(spec, shape);
  auto parts = std::make_shared<SpaceParts>(spec.place);
  parts->is_creator = true;
  os::watch_forks();
  parts->ring_segment = memory::Segment::heap(specs.ring);
  parts->member_segment = memory::Segment::heap(specs.members);
  if (shape.arena_bytes != 0) {
    parts->arena_segment = memory::Segment::heap(specs.arena);
  }
  parts = finished(std::move(parts), shape, spec);
  format_space(parts->ring, parts->members, shape);
  return parts;
}

std::shared_ptr<SpaceParts> create_anonymous(const RingSpec& spec) {
  const auto shape = shape_of(spec);
  const auto specs = specs_of(spec, shape);
  auto parts = std::make_shared<SpaceParts>(spec.place);
  parts->is_creator = true;
  parts->ring_segment = anonymous_segment(spec, specs.ring, {});
  parts->member_segment = anonymous_segment(spec, specs.members, members_part);
  if (shape.arena_bytes != 0) {
    parts->arena_segment = anonymous_segment(spec, specs.arena, arena_part);
  }
  parts = finished(std::move(parts), shape, spec);
  format_space(parts->ring, parts->members, shape);
  const bool many = spec.producers == Producers::many;
  for (const auto* segment : {&parts->ring_segment, &parts->member_segment, &parts->arena_segment}) {
    if (!segment->descriptor()) {
      continue;
    }
    if (many || segment == &parts->member_segment) {
      os::seal_many_writers(segment->descriptor().get(), spec.place.name());
    } else {
      memory::seal_segment(segment->descriptor(), spec.place.name());
    }
  }
  return parts;
}

std::shared_ptr<SpaceParts> create_named(const RingSpec& spec) {
  const auto shape = shape_of(spec);
  const auto specs = specs_of(spec, shape);
  memory::HiddenSegment members(spec.place.path(members_part), specs.members, spec.options);
  std::unique_ptr<memory::HiddenSegment> arena;
  if (shape.arena_bytes != 0) {
    arena = std::make_unique<memory::HiddenSegment>(spec.place.path(arena_part), specs.arena, spec.options);
  }
  memory::HiddenSegment ring(spec.place.path(), specs.ring, spec.options);
  auto ring_parts = carve_ring(ring.body(), shape);
  auto member_parts = carve_members(members.body(), shape);
  format_space(ring_parts, member_parts, shape);
  auto parts = std::make_shared<SpaceParts>(spec.place);
  std::vector<std::string_view> appeared;
  try {
    parts->member_segment = members.appear();
    appeared.push_back(members_part);
    if (arena != nullptr) {
      parts->arena_segment = arena->appear();
      appeared.push_back(arena_part);
    }
    parts->ring_segment = ring.appear();
  } catch (...) {
    for (const auto part : appeared) {
      ::unlink(spec.place.path(part).c_str());
    }
    throw;
  }
  return finished(std::move(parts), shape, spec);
}

} // namespace ringfleet::ring::detail
