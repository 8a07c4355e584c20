#include "ringfleet/memory/segment_layout.hpp"

namespace ringfleet::memory {

std::string_view to_string(SegmentKind kind) noexcept {
  switch (kind) {
  case SegmentKind::requests: return "requests";
  case SegmentKind::replies: return "replies";
  case SegmentKind::arena: return "arena";
  case SegmentKind::route: return "route";
  case SegmentKind::epochs: return "epochs";
  case SegmentKind::counters: return "counters";
  case SegmentKind::ring: return "ring";
  case SegmentKind::members: return "members";
  }
  return "unknown";
}

} // namespace ringfleet::memory
