#include "ringfleet/channel/frame_subscriber.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/frame/loan_views.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/ring/membership.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::channel {

using frame::FrameBlock;
using ring::Production;

namespace {

constexpr Nanoseconds join_patience = std::chrono::seconds(5); // for a process that is in the middle of joining

ring::RingSpace attach(const memory::Place& place, const SubscriberOptions& options) {
  ring::RingExpectation expected;
  expected.unit_bytes = sizeof(FrameBlock);
  expected.fingerprint = options.fingerprint;
  expected.trust = options.trust;
  expected.mapping = options.mapping;
  if (options.wait_for_publisher > Nanoseconds::zero()) {
    constexpr bool for_owner = true;
    return ring::RingSpace::await(place, expected, deadline_after(monotonic_now(), options.wait_for_publisher),
                                  for_owner);
  }
  return ring::RingSpace::attach(place, expected);
}

ring::JoinOptions join_options(const SubscriberOptions& options, const ring::Membership& membership) {
  if (membership.resume_from()) {
    return {.from = ring::JoinFrom::sequence, .position = *membership.resume_from()};
  }
  switch (options.from) {
  case From::latest: return {.from = ring::JoinFrom::latest};
  case From::oldest: return {.from = ring::JoinFrom::oldest};
  case From::sequence: break;
  }
  return {.from = ring::JoinFrom::sequence, .position = options.position};
}

} // namespace

// In the order in which they are made; what looks at something ends before it.
struct FrameSubscriber::State {
  State(ring::RingSpace attached, const SubscriberOptions& wanted)
      : options(wanted), space(std::move(attached)), watcher(obituary), owner(space, watcher, obituary),
        membership(ring::Membership::join(space, {.id = wanted.id}, deadline_after(monotonic_now(), join_patience))),
        file("subscriber", space.place().name(), wanted.counters) {
    production = owner.look();
    auto joined = RingReader::join(space.memory<FrameBlock>(), membership.line(), join_options(wanted, membership),
                                   {.waiting = space.facts().waiting,
                                    .obituary = &obituary,
                                    .dead = &owner.dead(),
                                    .shared = space.place().backing() != memory::Backing::heap});
    if (!joined) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("subscribe to {} at position {}: nothing that far has been published",
                              space.place().text(), wanted.position),
                  "join at latest or oldest");
    }
    reader.emplace(std::move(*joined));
    if (const auto arena = space.arena(); !arena.empty()) {
      (void)arenas.open(1, arena);
    }
    hot.emplace(
        *reader,
        frame::ReaderOptions{
            .max_message = wanted.max_message, .assemblies = 1, .held_views = wanted.held_views, .arenas = &arenas},
        file);
    hot->counters.missed.set(reader->missed());
  }
  ~State() {
    if (space.is_here() && reader) {
      leave(!options.id.empty());
    }
  }

  void leave(bool keep) noexcept {
    const auto position = hot->reader.position();
    reader->leave();
    if (keep) {
      membership.leave_and_keep(position, deadline_after(monotonic_now(), options.keep_place));
    } else {
      membership.leave();
    }
  }

  // What an end means now: a new publisher may be there already.
  [[nodiscard]] std::optional<WaitResult> end_of_production() {
    production = owner.look();
    switch (production) {
    case Production::running: return std::nullopt;
    case Production::replaced: return WaitResult::replaced;
    case Production::detached: break;
    }
    return WaitResult::detached;
  }

  SubscriberOptions options;
  ring::RingSpace space;
  memory::Obituary obituary;
  memory::Watcher watcher;
  ring::OwnerWatch owner;
  Production production = Production::detached;
  ring::Membership membership;
  CounterFile file;
  frame::LoanViews arenas;
  std::optional<RingReader> reader;
  std::optional<Hot> hot;
};

FrameSubscriber::FrameSubscriber(const memory::Place& place, const SubscriberOptions& options)
    : FrameSubscriber(attach(place, options), options) {}

FrameSubscriber::FrameSubscriber(ring::RingSpace space, const SubscriberOptions& options)
    : state_(std::make_unique<State>(std::move(space), options)), hot_(&*state_->hot) {}

FrameSubscriber::FrameSubscriber(FrameSubscriber&&) noexcept = default;
FrameSubscriber& FrameSubscriber::operator=(FrameSubscriber&& other) noexcept {
  FrameSubscriber moved(std::move(other));
  std::swap(state_, moved.state_);
  std::swap(hot_, moved.hot_);
  return *this;
}
FrameSubscriber::~FrameSubscriber() = default;

// A poll that brought nothing: time for what costs more than nothing.
void FrameSubscriber::settle(const frame::PollResult& result) {
  auto& counters = hot_->counters;
  const auto& counts = hot_->reader.counts();
  counters.empty.add();
  counters.reassembled.set(counts.reassembled);
  counters.loans.set(counts.loans);
  counters.malformed.set(counts.malformed);
  counters.lag.set(state_->space.lines().producer->cursor.observe() - hot_->reader.position());
  if (result.ended == frame::ReadResult::detached) {
    (void)state_->end_of_production();
  }
}

frame::ReadResult FrameSubscriber::take(frame::View& view) {
  const auto result = hot_->reader.take(view);
  if (result == frame::ReadResult::message) {
    hot_->counters.messages.add();
    hot_->counters.bytes.add(view.bytes.size());
  } else if (result == frame::ReadResult::detached) {
    (void)state_->end_of_production();
  }
  return result;
}

WaitResult FrameSubscriber::wait(MonotonicNs deadline) {
  state_->space.require_here();
  hot_->counters.waits.add();
  for (;;) {
    if (state_->owner.dead().observe() != 0) {
      state_->production = state_->owner.look();
    }
    switch (hot_->reader.wait(deadline)) {
    case ring::BarrierResult::reached: return WaitResult::ready;
    case ring::BarrierResult::timed_out: return WaitResult::timed_out;
    case ring::BarrierResult::stopped: return WaitResult::stopped;
    case ring::BarrierResult::evicted: return WaitResult::evicted;
    case ring::BarrierResult::detached: break;
    }
    if (const auto end = state_->end_of_production()) {
      hot_->counters.detached.add();
      return *end;
    }
  }
}

WaitResult FrameSubscriber::wait_for_publisher(MonotonicNs deadline) {
  state_->production = state_->owner.wait(deadline);
  switch (state_->production) {
  case Production::running: return WaitResult::ready;
  case Production::replaced: return WaitResult::replaced;
  case Production::detached: break;
  }
  return WaitResult::timed_out;
}

void FrameSubscriber::stop() noexcept {
  state_->reader->stop();
}
void FrameSubscriber::resume() noexcept {
  state_->reader->resume();
}
void FrameSubscriber::leave() noexcept {
  state_->leave(false);
}

bool FrameSubscriber::is_resumed() const noexcept {
  return state_->membership.is_resumed();
}
std::uint64_t FrameSubscriber::missed() const noexcept {
  return state_->reader->missed();
}
std::uint64_t FrameSubscriber::generation() const noexcept {
  return state_->owner.generation();
}
FrameSubscriber::RingReader& FrameSubscriber::ring() noexcept {
  return *state_->reader;
}
const ring::RingSpace& FrameSubscriber::space() const noexcept {
  return state_->space;
}

} // namespace ringfleet::channel
