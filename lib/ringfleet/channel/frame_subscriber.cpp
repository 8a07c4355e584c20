#include "ringfleet/channel/frame_subscriber.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/units.hpp"
#include "ringfleet/channel/detail/check_options.hpp"
#include "ringfleet/channel/detail/following.hpp"
#include "ringfleet/frame/loan_views.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/membership.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::channel {

using frame::FrameBlock;
using ring::Production;

namespace {

constexpr Nanoseconds join_patience = std::chrono::seconds(5); // for a process that is in the middle of joining
constexpr Nanoseconds look_every = std::chrono::milliseconds(100);
constexpr std::uint32_t messages_under_way_max = 8; // of different publishers, in fragments

ring::RingSpace attach(const memory::Place& place, const SubscriberOptions& options, ring::Producers producers) {
  ring::RingExpectation expected;
  expected.unit_bytes = sizeof(FrameBlock);
  expected.fingerprint = options.fingerprint;
  expected.producers = producers;
  expected.trust = options.trust;
  expected.mapping = options.mapping;
  if (options.wait_for_publisher > Nanoseconds::zero()) {
    constexpr bool for_owner = true;
    return ring::RingSpace::await(place, expected, deadline_after(monotonic_now(), options.wait_for_publisher),
                                  for_owner);
  }
  try {
    return ring::RingSpace::attach(place, expected);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) {
      throw;
    }
    throw Error(ErrorCode::not_found, fmt::format("subscribe to {}: nobody has published there", place.text()),
                "start its publisher, or wait for it (wait_for_publisher)", error.errno_value());
  }
}

// A reader reserves its buffers once, when it is made.
Error without_memory(const memory::Place& place, const frame::ReaderOptions& options) {
  return Error(
      ErrorCode::no_memory,
      fmt::format("subscribe to {}: max_message is {}, held_views is {}: there is no memory for {} messages of "
                  "{} to be put together",
                  place.text(), options.max_message, options.held_views, options.assemblies,
                  format_bytes(options.max_message)),
      "ask for a smaller max_message, or raise the limit on address space (ulimit -v)");
}

// For reliable and lossy readers alike. `latest` was read before the reader shows its gate: it begins there, so that
// a publisher which has seen the gate knows that nothing from then on is missed.
template <class Options>
Options beginning(const SubscriberOptions& options, const ring::Membership& membership, std::uint64_t latest) {
  if (membership.resume_from()) {
    return {.from = ring::JoinFrom::sequence, .position = *membership.resume_from()};
  }
  switch (options.from) {
  case From::latest: return {.from = ring::JoinFrom::sequence, .position = latest};
  case From::oldest: return {.from = ring::JoinFrom::oldest};
  case From::sequence: break;
  }
  return {.from = ring::JoinFrom::sequence, .position = options.position};
}

// Waits before the membership is taken, which nobody is to find held by somebody who does not read.
std::vector<std::uint32_t> followed_by(const ring::RingSpace& space, const SubscriberOptions& options) {
  return options.follows.empty() ? std::vector<std::uint32_t>()
                                 : detail::lines_to_follow(space, options.follows,
                                                           deadline_after(monotonic_now(), options.wait_for_publisher));
}

} // namespace

// In the order in which they are made; what looks at something ends before it.
template <class Kind>
struct BasicFrameSubscriber<Kind>::State {
  State(ring::RingSpace attached, const SubscriberOptions& wanted, bool sole_user)
      : options((detail::check_options(attached.place(), wanted, Kind::role), wanted)), space(std::move(attached)),
        watcher(obituary), owner(space, watcher, obituary), followed(followed_by(space, wanted)),
        membership(ring::Membership::join(space, {.id = wanted.id, .role = Kind::role},
                                          deadline_after(monotonic_now(), join_patience))),
        file("subscriber", space.place().name(), wanted.counters), counters(file) {
    production = owner.look();
    auto joined = RingReader::join(Kind::memory(space), membership.line(), join_options(),
                                   {.waiting = space.facts().waiting,
                                    .obituary = &obituary,
                                    .dead = &owner.dead(),
                                    .shared = space.place().backing() != memory::Backing::heap,
                                    .parks = counters.parks.word(),
                                    .wakes = counters.wakes.word()});
    if (!joined) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("subscribe to {} at position {}: nothing that far has been published",
                              space.place().text(), wanted.position),
                  "join at latest or oldest");
    }
    reader.emplace(std::move(*joined));
    if (!followed.empty()) {
      refuse_circle();
      others.emplace(space, watcher);
    }
    for (std::uint32_t number = 1; number <= space.facts().arenas; ++number) {
      (void)arenas.open(number, space.arena(number));
    }
    const frame::ReaderOptions reading{.max_message = wanted.max_message,
                                       .assemblies =
                                           Kind::producers == ring::Producers::many ? messages_under_way_max : 1,
                                       .held_views = wanted.held_views,
                                       .arenas = space.facts().arenas == 0 ? nullptr : &arenas,
                                       .sole_user = sole_user};
    try {
      hot.emplace(*reader, reading, counters);
    } catch (const std::bad_alloc&) {
      throw without_memory(space.place(), reading);
    }
    hot->counters.missed.set(missed());
    if (wanted.sent_at) {
      hot->latency = std::make_unique<Latency>(file, wanted.sent_at);
    }
  }
  ~State() {
    if (space.is_here() && reader) {
      leave(!options.id.empty());
    }
  }

  [[nodiscard]] auto join_options() {
    const auto latest = Kind::finished(space);
    if constexpr (Kind::role == ring::MemberRole::lossy) {
      return beginning<ring::LossyOptions>(options, membership, latest);
    } else {
      if (std::ranges::find(followed, membership.line()) != followed.end()) {
        // The place of one that is gone was kept no longer, and is ours now.
        followed = detail::lines_to_follow(space, options.follows, monotonic_now());
      }
      auto wanted = beginning<ring::JoinOptions>(options, membership, latest);
      wanted.follows = followed;
      wanted.paced = options.paced;
      return wanted;
    }
  }
  void refuse_circle() {
    try {
      detail::refuse_circle(space, membership.line(), followed);
    } catch (...) {
      leave(!options.id.empty());
      throw;
    }
  }

  // Clears whoever has died among them. One load when nobody has joined since.
  void look_at_others() {
    if (others) {
      try {
        others->scan();
      } catch (const Error&) {
        // No descriptor at the moment: the next look tries again.
      }
    }
  }

  void leave(bool keep) noexcept {
    const auto position = reader->position();
    if (keep) {
      membership.remember(position);
    }
    reader->leave();
    if (keep) {
      membership.leave_and_keep(position, deadline_after(monotonic_now(), options.keep_place));
    } else {
      membership.leave();
    }
  }

  [[nodiscard]] std::uint64_t missed() const noexcept {
    // The record of a loan that was taken back is one block.
    const auto taken_back = hot ? hot->reader.counts().loans_void : 0;
    if constexpr (Kind::role == ring::MemberRole::lossy) {
      return reader->lost() + taken_back + (hot ? hot->reader.counts().fragments_lost : 0);
    } else {
      // The beginning of a message in fragments may have gone with who had this id before.
      const auto rest_only = hot && membership.is_resumed() ? hot->reader.counts().fragments_lost : 0;
      return reader->missed() + taken_back + rest_only;
    }
  }

  // Somebody is given a way to this mapping.
  void end_sole_use() noexcept {
    if constexpr (Kind::role == ring::MemberRole::reliable) {
      hot->reader.end_sole_use();
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
  std::vector<std::uint32_t> followed; // lines
  ring::Membership membership;
  CounterFile file;
  SubscriberCounters counters;
  frame::LoanViews arenas;
  std::optional<RingReader> reader;
  std::optional<Hot> hot;
  std::optional<ring::Members> others; // of one that follows some of them
};

template <class Kind>
BasicFrameSubscriber<Kind>::BasicFrameSubscriber(const memory::Place& place, const SubscriberOptions& options)
    : state_(std::make_unique<State>(
          (detail::check_options(place, options, Kind::role), attach(place, options, Kind::producers)), options, true)),
      hot_(&*state_->hot) {}

template <class Kind>
BasicFrameSubscriber<Kind>::BasicFrameSubscriber(ring::RingSpace space, const SubscriberOptions& options)
    : state_(std::make_unique<State>(std::move(space), options, options.sole_user)), hot_(&*state_->hot) {}

template <class Kind>
BasicFrameSubscriber<Kind>::BasicFrameSubscriber(BasicFrameSubscriber&&) noexcept = default;
template <class Kind>
BasicFrameSubscriber<Kind>& BasicFrameSubscriber<Kind>::operator=(BasicFrameSubscriber&& other) noexcept {
  BasicFrameSubscriber moved(std::move(other));
  std::swap(state_, moved.state_);
  std::swap(hot_, moved.hot_);
  return *this;
}
template <class Kind>
BasicFrameSubscriber<Kind>::~BasicFrameSubscriber() = default;

// A poll that brought nothing: time for what costs more than nothing.
template <class Kind>
void BasicFrameSubscriber<Kind>::settle(const frame::PollResult& result) {
  auto& counters = hot_->counters;
  const auto& counts = hot_->reader.counts();
  counters.empty.add();
  counters.missed.set(state_->missed());
  if constexpr (Kind::role == ring::MemberRole::lossy) {
    counters.laps.set(hot_->reader.laps());
  }
  counters.reassembled.set(counts.reassembled);
  counters.loans.set(counts.loans);
  counters.malformed.set(counts.malformed);
  counters.lag.set(Kind::published(state_->space) - position());
  if (hot_->latency) {
    hot_->latency->show();
  }
  if (result.ended == frame::ReadResult::detached) {
    (void)state_->end_of_production();
  }
  state_->look_at_others();
}

template <class Kind>
frame::ReadResult BasicFrameSubscriber<Kind>::take(frame::View& view)
  requires(Kind::role == ring::MemberRole::reliable)
{
  const auto result = hot_->reader.take(view);
  if (result == frame::ReadResult::message) {
    hot_->counters.messages.add();
    hot_->counters.bytes.add(view.bytes.size());
    if (hot_->latency) {
      hot_->latency->record(view);
    }
  } else if (result == frame::ReadResult::detached) {
    (void)state_->end_of_production();
  }
  return result;
}

template <class Kind>
WaitResult BasicFrameSubscriber<Kind>::wait(MonotonicNs deadline) {
  state_->space.require_here();
  hot_->counters.waits.add();
  for (;;) {
    if (state_->owner.dead().observe() != 0) {
      state_->production = state_->owner.look();
    }
    state_->look_at_others();
    // Who is followed may come back and die while this sleeps: its death is known when it is looked at.
    const auto until = state_->others ? std::min(deadline, deadline_after(monotonic_now(), look_every)) : deadline;
    switch (hot_->reader.wait(until)) {
    case ring::BarrierResult::reached: return WaitResult::ready;
    case ring::BarrierResult::timed_out:
      if (until < deadline) {
        continue;
      }
      return WaitResult::timed_out;
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

template <class Kind>
WaitResult BasicFrameSubscriber<Kind>::wait_for_publisher(MonotonicNs deadline) {
  state_->production = state_->owner.wait(deadline);
  switch (state_->production) {
  case Production::running: return WaitResult::ready;
  case Production::replaced: return WaitResult::replaced;
  case Production::detached: break;
  }
  return WaitResult::timed_out;
}

template <class Kind>
void BasicFrameSubscriber<Kind>::stop() noexcept {
  state_->reader->stop();
}
template <class Kind>
void BasicFrameSubscriber<Kind>::resume() noexcept {
  state_->reader->resume();
}
template <class Kind>
void BasicFrameSubscriber<Kind>::leave() noexcept {
  state_->leave(false);
}

template <class Kind>
bool BasicFrameSubscriber<Kind>::is_resumed() const noexcept {
  return state_->membership.is_resumed();
}
template <class Kind>
std::uint64_t BasicFrameSubscriber<Kind>::missed() const noexcept {
  return state_->missed();
}
template <class Kind>
std::uint64_t BasicFrameSubscriber<Kind>::generation() const noexcept {
  return state_->owner.generation();
}
template <class Kind>
typename BasicFrameSubscriber<Kind>::RingReader& BasicFrameSubscriber<Kind>::ring() noexcept {
  state_->end_sole_use();
  return *state_->reader;
}
template <class Kind>
const ring::RingSpace& BasicFrameSubscriber<Kind>::space() const noexcept {
  state_->end_sole_use();
  return state_->space;
}

template <class Kind>
std::uint64_t BasicFrameSubscriber<Kind>::position() const noexcept {
  if constexpr (Kind::role == ring::MemberRole::reliable) {
    return hot_->reader.position(); // views that are held come before it
  } else {
    return state_->reader->position();
  }
}

template class BasicFrameSubscriber<Reliable>;
template class BasicFrameSubscriber<ReliableOfMany>;
template class BasicFrameSubscriber<Lossy>;
template class BasicFrameSubscriber<LossyOfMany>;

} // namespace ringfleet::channel
