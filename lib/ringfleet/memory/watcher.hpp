#pragma once

// One thread that waits for descriptors, above all for the deaths of peers, and calls back. Callbacks run on that
// thread, one at a time; they must not throw and should be short, because all the others wait.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace ringfleet::memory {

class Watcher {
public:
  struct Readiness {
    bool readable = false;
    bool hangup = false; // the other end is gone; there may still be something to read
  };
  using ReadyCallback = std::function<void(Readiness)>;
  using DeathCallback = std::function<void()>;
  using WatchId = std::uint64_t; // never 0, never reused

  // `obituary` must outlive the watcher. Throws Error(no_descriptors).
  explicit Watcher(Obituary& obituary);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  // Stops and joins the thread; callbacks that did not start yet never will. Not from a callback.
  ~Watcher();

  // Any thread. Calls back whenever the descriptor is readable, again and again until it is drained. The caller keeps
  // the descriptor open until `unwatch`.
  WatchId watch(int fd, ReadyCallback callback);

  // Any thread. Calls back once when the process is dead (at once if it is already), then announces it on the obituary.
  // The pidfd is duplicated.
  WatchId watch_death(const os::Descriptor& pidfd, DeathCallback callback);

  // From a callback only. Calls back once when `at` has come; takes the place of the wish before, and of `never`
  // nothing comes.
  void remind(MonotonicNs at, std::function<void()> callback);

  // Any thread. When it returns, the callback is not running and will not run again; called from a callback it does not
  // wait. Do not hold a lock that the callback takes. An id that has fired or was removed, and 0, is not an error.
  void unwatch(WatchId id);

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace ringfleet::memory
