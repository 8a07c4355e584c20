#include "ringfleet/ring/owner_watch.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/futex.hpp"
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
  if (word == word_seen_) {
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
  const auto pidfd = open_living(ActorMark::of(owner.process));
  word_seen_ = word;
  if (!pidfd) {
    dead_.publish(1);
    return Production::detached;
  }
  generation_ = owner.generation;
  dead_.publish(0);
  watch_ = watcher_.watch_death(*pidfd, [this] { dead_.publish(1); });
  return Production::running;
}

Production OwnerWatch::wait(MonotonicNs deadline) {
  while (true) {
    const auto obituary = obituary_.value();
    const auto seen = static_cast<std::uint32_t>(Atomics::load_acquire(space_.owner_word()));
    const auto production = look();
    if (production != Production::detached || monotonic_now() >= deadline) {
      return production;
    }
    const std::array<os::FutexWord, 2> words{os::FutexWord{&futex_half(space_.owner_word()), seen, true},
                                             obituary_.park_word(obituary)};
    (void)os::futex_wait_any(words, deadline);
  }
}

} // namespace ringfleet::ring
