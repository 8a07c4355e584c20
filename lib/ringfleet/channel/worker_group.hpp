#pragma once

// One scheduler and N workers, in as many processes, with messages both ways:
//
//                    NAME:all                                 NAME:in
//   WorkerGroup  ── broadcast ──►  every GroupWorker  ── many publishers, one order ──►  WorkerGroup
//
// Both constructors are the rendezvous: they return when everybody is there, or throw naming who is missing. After that
// the two channels are ordinary ones, with everything that is said there about waiting and deaths: a worker that dies
// stops gating, comes back under its number, and goes on where it was.

#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/memory/segment_name.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringfleet::channel {

// The same on both sides.
struct GroupOptions {
  std::uint32_t workers = 1; // 1 to group_workers_max
  Nanoseconds timeout = std::chrono::seconds(5);
  std::string tag = {};                // to tell runs of one program apart
  std::uint64_t ring_bytes = 1U << 20; // of each of the two channels
  bool counters = true;
};

inline constexpr std::uint32_t group_workers_max = 64;
static_assert(group_workers_max + 8 <= limits::ring_members_max);

namespace detail {

void check_group(std::string_view name, const GroupOptions& options);
void check_worker(std::string_view name, const GroupOptions& options, std::uint32_t number);
// Blocks until all workers read `out`. Throws Error(timed_out) naming those that do not.
void await_workers(FramePublisher& out, std::string_view name, const GroupOptions& options);

[[nodiscard]] PublisherOptions group_publisher(const GroupOptions& options, std::uint16_t kind);
[[nodiscard]] SubscriberOptions group_subscriber(const GroupOptions& options, std::string id);

} // namespace detail

// The scheduler's end. One thread at a time.
template <codec::Message Down, codec::Message Up>
class WorkerGroup {
public:
  // Blocks until all workers are there. Throws Error: timed_out, naming the missing; already_exists when another
  // scheduler of this name lives; as Publisher and Subscriber.
  explicit WorkerGroup(std::string_view name, const GroupOptions& options = {})
      : names_((detail::check_group(name, options), memory::EngineNames(name, options.tag))),
        opener_(names_.gather(), detail::group_publisher(options, 0)),
        in_(names_.gather(), detail::group_subscriber(options, {})),
        out_(names_.broadcast(), detail::group_publisher(options, 0)) {
    detail::await_workers(out_.frames(), name, options);
  }

  // To every worker.
  [[nodiscard]] Publisher<Down>& out() noexcept { return out_; }
  // From all workers. handler(worker, const Up&).
  template <class Handler>
  frame::PollResult poll(Handler&& handler, std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    return in_.poll([&](const Up& message, const frame::View& view) { handler(std::uint32_t{view.kind}, message); },
                    max);
  }
  [[nodiscard]] WaitResult wait(MonotonicNs deadline = never) { return in_.wait(deadline); }
  [[nodiscard]] SharedSubscriber<Up>& in() noexcept { return in_; }

private:
  memory::EngineNames names_;
  SharedPublisher<Up> opener_; // publishes nothing: the channel is there before the first worker, and after the last
  SharedSubscriber<Up> in_;
  Publisher<Down> out_;
};

// A worker's end. One thread at a time.
template <codec::Message Down, codec::Message Up>
class GroupWorker {
public:
  // `number`: 0 to workers - 1. Blocks until the scheduler is there. Throws Error: timed_out; already_exists when a
  // living worker has the number.
  GroupWorker(std::string_view name, std::uint32_t number, const GroupOptions& options = {})
      : names_((detail::check_worker(name, options, number), memory::EngineNames(name, options.tag))),
        out_(names_.gather(), detail::group_publisher(options, static_cast<std::uint16_t>(number))),
        in_(names_.broadcast(), detail::group_subscriber(options, memory::EngineNames::runner_id(number))) {}

  // To the scheduler.
  [[nodiscard]] SharedPublisher<Up>& out() noexcept { return out_; }
  // From the scheduler.
  [[nodiscard]] Subscriber<Down>& in() noexcept { return in_; }

private:
  memory::EngineNames names_;
  SharedPublisher<Up> out_;
  Subscriber<Down> in_;
};

} // namespace ringfleet::channel

namespace ringfleet {
using channel::GroupWorker;
using channel::WorkerGroup;
} // namespace ringfleet
