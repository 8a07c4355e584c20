#include "../os/forked_child.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/os/child_process.hpp"
#include "ringfleet/os/event_counter.hpp"
#include "ringfleet/os/process.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::memory;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;

os::ChildProcess sleeper() {
  os::SpawnRequest request;
  request.path = "/bin/sleep";
  request.argv = {"sleep", "1000"};
  return os::ChildProcess(request);
}

// Parks as protocol code does: seen, look, park, until `done` or the time is up.
template <typename Done>
bool park_until(const Obituary& obituary, const std::uint32_t& peer_word, Done done) {
  const auto deadline = deadline_after(monotonic_now(), patience);
  while (true) {
    const auto seen = obituary.value();
    if (done()) {
      return true;
    }
    const std::array words = {os::FutexWord{&peer_word, 0, true}, obituary.park_word(seen)};
    if (os::futex_wait_any(words, deadline) == os::WaitResult::timed_out) {
      return false;
    }
  }
}

} // namespace

TEST_CASE("obituary: a sleeper parked on a peer that dies is woken") {
  Obituary obituary; // trap 1
  Watcher watcher(obituary);
  auto child = sleeper();
  std::atomic<bool> dead = false;
  watcher.watch_death(child.pidfd(), [&] { dead = true; });
  const std::uint32_t never_written = 0;
  std::thread killer([&] { child.signal(SIGKILL); });
  CHECK(park_until(obituary, never_written, [&] { return dead.load(); }));
  killer.join();
  CHECK(child.reap().signalled);
}

TEST_CASE("obituary: a death between the look and the sleep is not slept through") {
  Obituary obituary; // trap 1
  const auto seen = obituary.value();
  obituary.announce(); // the peer dies after the look; its waker finds nobody asleep
  const std::array words = {obituary.park_word(seen)};
  CHECK(os::futex_wait_any(words, never) == os::WaitResult::changed);
}

TEST_CASE("watcher: a peer that is dead already, reaped or not, is reported at once and once") {
  Obituary obituary;
  Watcher watcher(obituary);
  const pid_t pid = test::fork_child([] { return 0; }); // fault 35
  const auto pidfd = os::open_pidfd(pid);
  test::wait_for_child(pid);
  std::atomic<int> calls = 0;
  const std::uint32_t never_written = 0;
  watcher.watch_death(pidfd, [&] { ++calls; });
  CHECK(park_until(obituary, never_written, [&] { return obituary.value() == 1; }));
  watcher.watch_death(pidfd, [&] { ++calls; });
  CHECK(park_until(obituary, never_written, [&] { return obituary.value() == 2; }));
  CHECK(calls == 2);
}

TEST_CASE("watcher: announces after the callback, so that a woken sleeper sees what it did") {
  Obituary obituary;
  Watcher watcher(obituary);
  auto child = sleeper();
  int plain = 0; // no atomic: the obituary word itself must order it
  watcher.watch_death(child.pidfd(), [&] { plain = 7; });
  child.signal(SIGKILL);
  const std::uint32_t never_written = 0;
  REQUIRE(park_until(obituary, never_written, [&] { return obituary.value() == 1; }));
  CHECK(plain == 7);
}

TEST_CASE("watcher: calls back while a descriptor is readable, and tells of a hangup") {
  Obituary obituary;
  Watcher watcher(obituary);
  os::EventCounter counter;
  std::promise<void> twice;
  std::atomic<int> calls = 0;
  const auto id = watcher.watch(counter.fd(), [&](Watcher::Readiness ready) {
    if (!ready.readable) {
      return;
    }
    if (++calls == 2) { // not drained the first time: called again
      counter.drain();
      twice.set_value();
    }
  });
  counter.signal();
  CHECK(twice.get_future().wait_for(patience) == std::future_status::ready);
  watcher.unwatch(id);
  watcher.unwatch(id);
  CHECK(obituary.value() == 0);
}

TEST_CASE("watcher: after unwatch the callback neither runs nor will run") {
  Obituary obituary;
  Watcher watcher(obituary);
  for (int round = 0; round < 200; ++round) {
    os::EventCounter counter;
    auto alive = std::make_unique<std::atomic<int>>(0);
    const auto id = watcher.watch(counter.fd(), [&counter, word = alive.get()](Watcher::Readiness) {
      word->fetch_add(1);
      counter.drain();
    });
    counter.signal();
    watcher.unwatch(id);
    alive.reset(); // a sanitizer sees a callback that is late
  }
}

TEST_CASE("watcher: a callback may watch and unwatch, itself included") {
  Obituary obituary;
  Watcher watcher(obituary);
  os::EventCounter first;
  os::EventCounter second;
  std::promise<void> done;
  std::atomic<Watcher::WatchId> id = 0;
  std::atomic<bool> known = false;
  id = watcher.watch(first.fd(), [&](Watcher::Readiness) {
    first.drain();
    if (!known) {
      return;
    }
    watcher.unwatch(id);
    watcher.watch(second.fd(), [&](Watcher::Readiness) {
      second.drain();
      done.set_value();
    });
    second.signal();
  });
  known = true;
  first.signal();
  CHECK(done.get_future().wait_for(patience) == std::future_status::ready);
}

TEST_CASE("watcher: of two events that came together the second is dropped when the first callback ends its watch") {
  Obituary obituary;
  Watcher watcher(obituary);
  os::EventCounter first;
  os::EventCounter second;
  os::EventCounter gate;
  std::promise<void> open;
  std::promise<void> entered;
  std::promise<void> done;
  std::array<Watcher::WatchId, 2> ids{};
  int calls = 0;
  const auto end_the_other = [&](std::size_t other) {
    return [&, other](Watcher::Readiness) {
      ++calls;
      first.drain();
      second.drain();
      watcher.unwatch(ids[other]);
      done.set_value();
    };
  };
  watcher.watch(gate.fd(), [&](Watcher::Readiness) {
    gate.drain();
    entered.set_value();
    open.get_future().wait();
  });
  gate.signal();
  entered.get_future().wait();
  // While it is in a callback, two others become readable: it hears of both at once.
  ids[0] = watcher.watch(first.fd(), end_the_other(1));
  ids[1] = watcher.watch(second.fd(), end_the_other(0));
  first.signal();
  second.signal();
  open.set_value();
  CHECK(done.get_future().wait_for(patience) == std::future_status::ready);
  // Nothing but a third event tells that the second one is behind it.
  std::promise<void> later;
  os::EventCounter third;
  watcher.watch(third.fd(), [&](Watcher::Readiness) {
    third.drain();
    later.set_value();
  });
  third.signal();
  CHECK(later.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(calls == 1);
}

TEST_CASE("watcher: stops with watches pending") {
  Obituary obituary;
  auto child = sleeper();
  bool called = false;
  {
    Watcher watcher(obituary);
    watcher.watch_death(child.pidfd(), [&] { called = true; });
  }
  child.signal(SIGKILL);
  child.reap();
  CHECK_FALSE(called);
}

TEST_CASE("watcher: reminds once when the time has come, of the latest wish only") {
  Obituary obituary;
  Watcher watcher(obituary);
  os::EventCounter begin;
  std::promise<MonotonicNs> reminded;
  std::atomic<int> calls = 0;
  MonotonicNs wished = 0;
  watcher.watch(begin.fd(), [&](Watcher::Readiness) {
    begin.drain();
    watcher.remind(monotonic_now(), [&] { calls += 100; }); // another wish takes its place
    wished = deadline_after(monotonic_now(), 20ms);
    watcher.remind(wished, [&] {
      ++calls;
      watcher.remind(monotonic_now(), [&] { // a reminder may wish for the next one
        ++calls;
        reminded.set_value(monotonic_now());
      });
    });
  });
  begin.signal();
  auto told = reminded.get_future();
  REQUIRE(told.wait_for(patience) == std::future_status::ready);
  CHECK(told.get() >= wished);
  CHECK(calls == 2);
}
