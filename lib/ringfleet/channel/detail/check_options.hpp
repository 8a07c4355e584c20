#pragma once

// Options that cannot mean anything are refused before anything is made or waited for: the text names the channel, the
// option, its value and what it may be.

#include "ringfleet/channel/options.hpp"
#include "ringfleet/memory/place.hpp"
#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/ring_spec.hpp"

namespace ringfleet::channel::detail {

// Each throws Error: limit_reached above a limit of the library, invalid_argument otherwise.
void check_options(const memory::Place& place, const PublisherOptions& options, ring::Producers producers);
void check_options(const memory::Place& place, const SubscriberOptions& options, ring::MemberRole role);

} // namespace ringfleet::channel::detail
