#include "ringfleet/channel/detail/check_options.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/channel/detail/option_check.hpp"
#include "ringfleet/ring/membership.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::channel::detail {
namespace {

constexpr const char* a_line_each = "each of them needs a line: ask for more members";

void check_max_message(const OptionCheck& check, std::uint64_t max_message) {
  check.require_within("max_message", max_message, 1, limits::message_bytes_max);
}

void check_coordination(const OptionCheck& check, const PublisherOptions& options) {
  const auto& wish = options.coordination;
  // Whoever buffers is a reader itself until the others have come.
  const auto own_lines = wish.mode == Coordination::Mode::buffer_until_readers ? 1U : 0U;
  if (wish.mode != Coordination::Mode::immediate) {
    check.require_within("coordination.readers", wish.readers, 0, options.members - own_lines,
                         ErrorCode::invalid_argument, a_line_each);
  }
  check.require_not_negative("coordination.timeout", wish.timeout);
}

// Ids by which others are meant.
void check_ids(const OptionCheck& check, const char* option, const std::vector<std::string>& ids) {
  for (std::size_t number = 0; number < ids.size(); ++number) {
    const auto& id = ids[number];
    const auto* const fault = id.empty() ? "a reader without an id is a stranger each time" : ring::fault_of_id(id);
    if (fault != nullptr) {
      check.refuse(fmt::format("{}[{}]", option, number), fmt::format("'{}'", id.c_str()), fault);
    }
  }
}

void check_required(const OptionCheck& check, const PublisherOptions& options) {
  const auto& required = options.required;
  check_ids(check, "required.ids", required.ids);
  check.require_within("the number of required.ids", required.ids.size(), 0, options.members,
                       ErrorCode::invalid_argument, a_line_each);
  check.require_not_negative("required.startup_timeout", required.startup_timeout);
  check.require_not_negative("required.progress_timeout", required.progress_timeout);
  check.require_not_negative("required.grace", required.grace);
}

void check_follows(const OptionCheck& check, const SubscriberOptions& options, ring::MemberRole role) {
  check_ids(check, "follows", options.follows);
  if (!options.id.empty() && std::ranges::find(options.follows, options.id) != options.follows.end()) {
    check.refuse("follows", fmt::format("'{}'", options.id), "which is this reader itself");
  }
  if (role == ring::MemberRole::lossy && !options.follows.empty()) {
    check.refuse("follows", fmt::format("'{}'", options.follows.front()),
                 "but a lossy subscriber waits for nobody: use a reliable one");
  }
}

} // namespace

void check_options(const memory::Place& place, const PublisherOptions& options, ring::Producers producers) {
  const OptionCheck check("publish on " + place.text());
  check.require_within("ring_bytes", options.ring_bytes, 1, limits::ring_bytes_max);
  check_max_message(check, options.max_message);
  check.require_within("members", options.members, 1, limits::ring_members_max);
  if (producers == ring::Producers::many) {
    check.require_within("lenders", options.lenders, 1, limits::ring_arenas_max);
  }
  check.require_not_negative("grace", options.grace);
  check_coordination(check, options);
  check_required(check, options);
}

void check_options(const memory::Place& place, const SubscriberOptions& options, ring::MemberRole role) {
  const OptionCheck check("subscribe to " + place.text());
  if (const auto* const fault = ring::fault_of_id(options.id)) {
    check.refuse("id", fmt::format("'{}'", options.id.c_str()), fault);
  }
  check_max_message(check, options.max_message);
  check.require_within("held_views", options.held_views, 1, ~std::uint32_t{0});
  check.require_not_negative("wait_for_publisher", options.wait_for_publisher);
  check.require_not_negative("keep_place", options.keep_place);
  check_follows(check, options, role);
}

} // namespace ringfleet::channel::detail
