#include "ringfleet/ring/owner_watch.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/process_judge.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::ring {

OwnerWatch::OwnerWatch(const RingSpace& space, memory::Watcher& watcher, const memory::Obituary& obituary)
    : space_(space), watcher_(watcher), obituary_(obituary) {
  (void)look();
}

OwnerWatch::~OwnerWatch() {
  watcher_.unwatch(watch_);
}

Production OwnerWatch::look() {
  const auto word = Atomics::load_acquire(space_.owner_word());
  switch (state_of_word(word)) {
  case OwnerState::owned: break;
  case OwnerState::replaced: return Production::replaced;
  default: return Production::detached;
  }
  const bool many = space_.facts().producers == Producers::many;
  if (word == word_seen_ && (dead_.observe() == 0 || !many)) {
    return dead_.observe() == 0 ? Production::running : Production::detached;
  }
  const auto owner = space_.owner();
  if (ring::owner_word(owner.generation, owner.state) != word) {
    return Production::detached; // it changes at this moment: look again
  }
  watcher_.unwatch(std::exchange(watch_, 0));
  if (owner.pid_namespace != os::own_pid_namespace()) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: its new producer lives in PID namespace {}, this process does not",
                            space_.place().text(), owner.pid_namespace),
                "run all members of a ring in one PID namespace");
  }
  word_seen_ = word;
  if (!watch_living_owner(owner)) {
    dead_.publish(1);
    return Production::detached;
  }
  generation_ = owner.generation;
  return Production::running;
}

std::optional<os::Descriptor> open_living_owner(const RingSpace& space, const Owner& owner) {
  if (space.facts().producers == Producers::many) {
    const auto lines = space.shared_lines();
    std::optional<os::Descriptor> pidfd;
    for (std::uint32_t number = 1; number < owners_max && !pidfd; ++number) {
      if (const auto identity = Atomics::load_acquire(lines.owners->identity[number]); identity != 0) {
        pidfd = open_living_producer(identity);
      }
    }
    if (pidfd) {
      return pidfd;
    }
    // Nobody has a number yet. Whoever made this generation may be about to take one, or have gone on to other things.
    const auto& place = space.place();
    if (place.is_named() && os::FileLock::state_hint(place.path(detail::lock_part)) != os::FileLock::State::held) {
      return std::nullopt;
    }
  }
  return open_living(ActorMark::of(owner.process));
}

bool OwnerWatch::watch_living_owner(const Owner& owner) {
  const auto pidfd = open_living_owner(space_, owner);
  if (!pidfd) {
    return false;
  }
  dead_.publish(0);
  watch_ = watcher_.watch_death(*pidfd, [this] { dead_.publish(1); });
  return true;
}

Production OwnerWatch::wait(MonotonicNs deadline) {
  // Where many produce, a newcomer rings their bell when it has its number.
  const auto* bell = space_.facts().producers == Producers::many ? &space_.shared_lines().shared->bell : nullptr;
  while (true) {
    const auto bell_seen = bell != nullptr ? Atomics::load_acquire(*bell) : 0;
    const auto obituary = obituary_.value();
    const auto seen = static_cast<std::uint32_t>(Atomics::load_acquire(space_.owner_word()));
    const auto production = look();
    if (production != Production::detached || monotonic_now() >= deadline) {
      return production;
    }
    std::array<os::FutexWord, 3> words{os::FutexWord{&futex_half(space_.owner_word()), seen, true},
                                       obituary_.park_word(obituary)};
    if (bell != nullptr) {
      words[2] = {bell, bell_seen, true};
    }
    (void)os::futex_wait_any(std::span(words).first(bell != nullptr ? 3 : 2), deadline);
  }
}

} // namespace ringfleet::ring
