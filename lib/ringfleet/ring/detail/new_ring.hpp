#pragma once

// The memory of a ring that was not there: its segments, divided and formatted, with the caller as the first owner. One
// function for each way in which memory can be shared.

#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/ring_spec.hpp"

#include <memory>

namespace ringfleet::ring::detail {

// Each throws Error: no_memory, no_descriptors, and then nothing is left behind; wrong_state for a wish that this
// machine cannot fulfil.
[[nodiscard]] std::shared_ptr<SpaceParts> create_heap(const RingSpec& spec);
// Sealed: its size is what it is, and where one produces nobody else will ever map the ring for writing.
[[nodiscard]] std::shared_ptr<SpaceParts> create_anonymous(const RingSpec& spec);
// With the lock of the name, under which nothing may lie. Members and arena appear before the ring, so a ring that is
// found is whole.
[[nodiscard]] std::shared_ptr<SpaceParts> create_named(const RingSpec& spec);

} // namespace ringfleet::ring::detail
