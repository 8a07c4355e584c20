#pragma once

// Segments as a hostile scheduler hands them out: what was promised, or something else in its place.

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/call/method_id.hpp"
#include "ringfleet/memory/segment.hpp"

#include <cstdint>
#include <string>

#include <fcntl.h>

namespace ringfleet::fuzz {

enum Fake : std::uint8_t { honest, none, no_segment, of_another_kind, of_another_shape, fakes };

[[nodiscard]] inline os::Descriptor fake(Fake how, memory::SegmentKind promised) {
  switch (how) {
  case none: return {};
  case no_segment: return os::Descriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  case of_another_kind:
    return memory::create_anonymous_segment("other", {memory::SegmentKind::counters, 1 << 16, 1, 0});
  default: return memory::create_anonymous_segment("shape", call::lane_segment_spec(promised, {8, 64, 1}, 1));
  }
}

// `word` says of what kind, and of what size.
[[nodiscard]] inline os::Descriptor arena(std::uint8_t word, bool is_sealed) {
  if (const auto how = static_cast<Fake>(word / 32 % fakes); how != honest) {
    return fake(how, memory::SegmentKind::arena);
  }
  auto made = memory::create_anonymous_segment(
      "arena",
      {memory::SegmentKind::arena, word % 4 == 3 ? std::uint64_t{page_bytes} : limits::arena_bytes_first, 1, 0});
  if (is_sealed) {
    memory::seal_segment(made, "arena");
  }
  return made;
}

// What a module of one idempotent method says of itself.
[[nodiscard]] inline std::string facts() {
  call::ModuleDescription module;
  module.abi = 2;
  module.id = "m";
  module.version = "1.0";
  module.methods = {{.name = "again", .id = call::method_id("again"), .idempotent = true, .description = {}}};
  return call::encode(module);
}

} // namespace ringfleet::fuzz
