#include "ringfleet/channel/detail/publisher_state.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/channel/detail/check_options.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/shared_lenders.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::channel {

using frame::FrameBlock;
using frame::WriteResult;

namespace {

ring::RingSpec spec_of(const memory::Place& place, const PublisherOptions& options, ring::Producers producers) {
  ring::RingSpec spec;
  spec.place = place;
  spec.unit_bytes = sizeof(FrameBlock);
  spec.capacity =
      std::bit_ceil(std::max<std::uint64_t>(options.ring_bytes / sizeof(FrameBlock), frame::frame_capacity_min));
  spec.members = options.members;
  spec.producers = producers;
  spec.fingerprint = options.fingerprint;
  spec.waiting = options.waiting;
  spec.lossy_allowed = options.lossy_allowed;
  spec.arena_bytes = options.arena_bytes;
  spec.arenas = producers == ring::Producers::many ? options.lenders : 1;
  spec.existing = options.existing;
  spec.options = options.segment;
  return spec;
}

} // namespace

template <class Kind>
BasicFramePublisher<Kind>::State::State(const memory::Place& place, const PublisherOptions& wanted)
    : options((detail::check_options(place, wanted, Kind::producers), wanted)),
      space(ring::RingSpace::create(spec_of(place, wanted, Kind::producers))), watcher(obituary),
      file("publisher", place.name(), wanted.counters), counters(file), producer(Kind::join(space, barrier_options())),
      members(space, watcher, wanted.grace), required(wanted.required, monotonic_now()) {
  if constexpr (Kind::producers == ring::Producers::many) {
    // Before the writer looks where the last claim ends: the last holder's are below that.
    if (wanted.arena_bytes != 0) {
      held_arena.emplace(space);
      arena.emplace(space.arena(held_arena->number), frame::LoanArenaOptions{.number = held_arena->number});
    }
  } else if (!space.arena().empty()) {
    arena.emplace(space.arena());
  }
  hot.emplace(
      producer,
      frame::WriterOptions<>{.max_message = wanted.max_message, .arena = arena ? &*arena : nullptr, .sole_user = true},
      counters);
  hot->counters.generation.set(space.owner().generation);
  timer_watch = watcher.watch(timer.fd(), [this](memory::Watcher::Readiness) {
    timer.drain();
    look_while_waiting();
  });
}

template <class Kind>
BasicFramePublisher<Kind>::State::HeldArena::HeldArena(const ring::RingSpace& its_space) : space(its_space) {
  const auto taken =
      ring::take_arena(space.lenders(), ring::owner_identity(os::own_identity()), ring::is_surely_dead_producer);
  if (!taken) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("publish on {}: all {} arenas are held by living publishers", space.place().text(),
                            space.facts().arenas),
                "make the channel with more lenders, or publish without arena_bytes");
  }
  number = *taken;
}
template <class Kind>
BasicFramePublisher<Kind>::State::HeldArena::~HeldArena() {
  if (space.is_here()) {
    ring::release_arena(space.lenders(), number);
  }
}

template <class Kind>
BasicFramePublisher<Kind>::State::~State() {
  watcher.unwatch(timer_watch);
  if (space.is_here()) {
    keeper.reset();
    if constexpr (Kind::producers == ring::Producers::one) {
      producer.close(); // of many, the last one to go says so
    }
  }
}

template <class Kind>
PublishResult BasicFramePublisher<Kind>::State::answer_to(WriteResult result) noexcept {
  switch (result) {
  case WriteResult::written: return PublishResult::published;
  case WriteResult::stopped: return PublishResult::stopped;
  case WriteResult::too_large: return PublishResult::too_large;
  case WriteResult::no_arena: return PublishResult::no_arena;
  case WriteResult::full:
  case WriteResult::needs_fragments:
  case WriteResult::needs_wait: break;
  }
  return PublishResult::full;
}

template <class Kind>
void BasicFramePublisher<Kind>::State::begin_coordination() {
  const auto& wish = options.coordination;
  if (wish.mode == Coordination::Mode::wait_for_readers) {
    const auto is_enough = [&](const Members&) { return readers() >= wish.readers; };
    if (!wait_for_members(is_enough, deadline_after(monotonic_now(), wish.timeout))) {
      throw Error(ErrorCode::timed_out,
                  fmt::format("publish on {}: {} of {} readers have joined in {} ms", space.place().text(), readers(),
                              wish.readers,
                              std::chrono::duration_cast<std::chrono::milliseconds>(wish.timeout).count()),
                  "start the readers first, or allow more time");
    }
  } else if (wish.mode == Coordination::Mode::buffer_until_readers) {
    hold_beginning();
  }
}

template <class Kind>
void BasicFramePublisher<Kind>::State::hold_beginning() {
  auto membership = ring::Membership::join(space, {}, deadline_after(monotonic_now(), std::chrono::seconds(1)));
  auto reader = Kind::RingReader::join(Kind::memory(space), membership.line(), {.from = ring::JoinFrom::latest},
                                       barrier_options());
  RINGFLEET_ASSERT(reader, "a line that was just taken is taken by somebody else");
  keeper.emplace(Keeper{std::move(membership), std::move(*reader)});
  hot->is_guarded = true;
}

template <class Kind>
std::uint32_t BasicFramePublisher<Kind>::State::readers() const {
  const auto present = members.list();
  const auto all = std::count_if(present.begin(), present.end(), [](const ring::Member& member) {
    return member.state == ring::MemberState::joined && member.role != ring::MemberRole::producer &&
           member.position != ring::no_reader;
  });
  return static_cast<std::uint32_t>(all - (keeper && all > 0 ? 1 : 0));
}

template <class Kind>
std::optional<PublishResult> BasicFramePublisher<Kind>::State::refusal() {
  if (keeper) {
    members.scan();
    if (readers() >= options.coordination.readers) {
      keeper->reader.leave();
      keeper->membership.leave();
      keeper.reset();
    } else if (buffered >= options.coordination.messages_max) {
      return PublishResult::no_readers;
    }
  }
  if (has_failed()) {
    // The missed may be back. One that stands still is not: a ring that is half full may have no room for a message.
    look(Kind::published(space) - hot->writer.slowest_gate() >= space.facts().capacity / 2);
  }
  const std::scoped_lock lock(required_mutex);
  hot->is_guarded = keeper.has_value() || required.has_failed();
  return required.has_failed() ? std::optional(PublishResult::readers_failed) : std::nullopt;
}

template <class Kind>
void BasicFramePublisher<Kind>::State::look_at_required(bool is_full) {
  const std::scoped_lock lock(required_mutex);
  if (required.is_empty()) {
    return;
  }
  const auto present = members.list();
  std::vector<ReaderSighting> sightings;
  sightings.reserve(present.size());
  for (const auto& member : present) {
    sightings.push_back({.id = member.id,
                         .line = member.line,
                         .incarnation = space.members().readers[member.line].incarnation,
                         .position = member.position,
                         .has_joined = member.state == ring::MemberState::joined && ring::is_gating(member.position)});
  }
  const auto cursor = Kind::published(space);
  auto found = required.tick(monotonic_now(), sightings, cursor, is_full);
  evictions.insert(evictions.end(), found.begin(), found.end());
  needs_attention = !evictions.empty() || required.has_failed();
}

template <class Kind>
void BasicFramePublisher<Kind>::State::look_while_waiting() {
  try {
    members.scan();
  } catch (const Error&) {
    return; // no descriptor at the moment: the next look tries again
  }
  look_at_required(true);
  const std::scoped_lock lock(required_mutex);
  if (needs_attention) {
    producer.stop();
  }
}

template <class Kind>
void BasicFramePublisher<Kind>::State::look(bool is_full) {
  members.scan();
  look_at_required(is_full);
  for (const auto& dead : members.take_obituaries()) {
    hot->counters.deaths.add(dead.role != ring::MemberRole::producer ? 1 : 0);
  }
  hot->counters.readers.set(readers());
  const std::scoped_lock lock(required_mutex);
  for (const auto& eviction : std::exchange(evictions, {})) {
    hot->counters.evicted.add(producer.evict(eviction.line, eviction.incarnation) ? 1 : 0);
  }
  needs_attention = false;
  hot->is_guarded = keeper.has_value() || required.has_failed();
}

template <class Kind>
bool BasicFramePublisher<Kind>::State::wait_for_members(const std::function<bool(const Members&)>& is_enough,
                                                        MonotonicNs deadline) {
  for (;;) {
    const auto seen = static_cast<std::uint32_t>(Atomics::load_acquire(members.joins_word()));
    members.scan();
    if (is_enough(members.list())) {
      return true;
    }
    const auto now = monotonic_now();
    if (now >= deadline || stop_requested.observe() != 0) {
      return false;
    }
    // A death is no join: look again from time to time.
    const auto until = std::min(deadline, deadline_after(now, look_every));
    (void)os::futex_wait(reinterpret_cast<const std::uint32_t&>(members.joins_word()), seen, until,
                         barrier_options().shared);
  }
}

template struct BasicFramePublisher<OneProducer>::State;
template struct BasicFramePublisher<ManyProducers>::State;

} // namespace ringfleet::channel
