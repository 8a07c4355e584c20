#include "ringfleet/channel/worker_group.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/channel/detail/option_check.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringfleet::channel::detail {
namespace {

[[nodiscard]] std::vector<std::uint32_t> missing_workers(const FramePublisher::Members& members,
                                                         std::uint32_t workers) {
  std::vector<std::uint32_t> missing;
  for (std::uint32_t number = 0; number < workers; ++number) {
    const auto id = memory::EngineNames::runner_id(number);
    const bool is_there = std::ranges::any_of(members, [&](const ring::Member& member) {
      return member.id == id && member.state == ring::MemberState::joined && ring::is_gating(member.position);
    });
    if (!is_there) {
      missing.push_back(number);
    }
  }
  return missing;
}

} // namespace

void check_group(std::string_view name, const GroupOptions& options) {
  const OptionCheck check(fmt::format("worker group '{}'", name));
  check.require_within("workers", options.workers, 1, group_workers_max);
  check.require_not_negative("timeout", options.timeout);
  check.require_within("ring_bytes", options.ring_bytes, 1, limits::ring_bytes_max);
}

void check_worker(std::string_view name, const GroupOptions& options, std::uint32_t number) {
  check_group(name, options);
  if (number >= options.workers) {
    throw Error(ErrorCode::invalid_argument, fmt::format("worker {} of group '{}'", number, name),
                fmt::format("the group has workers 0 to {}", options.workers - 1));
  }
}

void await_workers(FramePublisher& out, std::string_view name, const GroupOptions& options) {
  std::vector<std::uint32_t> missing;
  const auto is_complete = [&](const FramePublisher::Members& members) {
    missing = missing_workers(members, options.workers);
    return missing.empty();
  };
  if (!out.wait_for_members(is_complete, deadline_after(monotonic_now(), options.timeout))) {
    throw Error(
        ErrorCode::timed_out,
        fmt::format("worker group '{}': missing of {} workers: {}", name, options.workers, fmt::join(missing, ", ")),
        "start them, or allow more time");
  }
}

PublisherOptions group_publisher(const GroupOptions& options, std::uint16_t kind) {
  PublisherOptions publisher;
  publisher.ring_bytes = options.ring_bytes;
  // A line for each worker, for the scheduler's two ends, and some for who only looks on.
  publisher.members = options.workers + 8;
  publisher.counters = options.counters;
  publisher.kind = kind;
  return publisher;
}

SubscriberOptions group_subscriber(const GroupOptions& options, std::string id) {
  SubscriberOptions subscriber;
  subscriber.id = std::move(id);
  subscriber.wait_for_publisher = options.timeout;
  subscriber.counters = options.counters;
  return subscriber;
}

} // namespace ringfleet::channel::detail
