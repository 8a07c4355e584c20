#include "ringfleet/memory/watcher.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/event_counter.hpp"
#include "ringfleet/os/poller.hpp"
#include "ringfleet/os/thread.hpp"

#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace ringfleet::memory {

struct Watcher::State {
  struct Watch {
    int fd = -1;
    os::Descriptor pidfd; // held for a death watch only
    ReadyCallback ready;
    DeathCallback death;
  };

  explicit State(Obituary& o) : obituary(o) {}

  WatchId add(std::shared_ptr<Watch> watch);
  std::shared_ptr<Watch> begin(WatchId id);
  void end();
  void run();
  void remind_in_time();

  static constexpr std::uint64_t stop_token = 0;

  Obituary& obituary;
  os::Poller poller;
  os::EventCounter stop;
  std::mutex mutex; // guards what follows
  std::condition_variable callback_ended;
  std::map<WatchId, std::shared_ptr<Watch>> watches;
  WatchId latest_id = 0;
  WatchId running_id = 0;
  // Of its own thread only.
  MonotonicNs remind_at = never;
  std::function<void()> reminder;
  std::thread thread;
};

Watcher::WatchId Watcher::State::add(std::shared_ptr<Watch> watch) {
  const std::lock_guard lock(mutex);
  const WatchId id = ++latest_id;
  poller.add(watch->fd, id);
  watches.emplace(id, std::move(watch));
  return id;
}

// Empty when the watch was removed while its event was under way. A death happens once, so it leaves the poller here.
std::shared_ptr<Watcher::State::Watch> Watcher::State::begin(WatchId id) {
  const std::lock_guard lock(mutex);
  const auto found = watches.find(id);
  if (found == watches.end()) {
    return nullptr;
  }
  auto watch = found->second;
  running_id = id;
  if (watch->death) {
    poller.remove(watch->fd);
    watches.erase(found);
  }
  return watch;
}

void Watcher::State::end() {
  {
    const std::lock_guard lock(mutex);
    running_id = 0;
  }
  callback_ended.notify_all();
}

void Watcher::State::run() {
  while (true) {
    for (const auto& event : poller.wait(remind_at)) {
      if (event.token == stop_token) {
        return;
      }
      const auto watch = begin(event.token);
      if (watch == nullptr) {
        continue;
      }
      if (watch->death) {
        watch->death();
        obituary.announce();
      } else {
        watch->ready({.readable = event.readable, .hangup = event.hangup});
      }
      end();
    }
    remind_in_time();
  }
}

void Watcher::State::remind_in_time() {
  if (remind_at == never || monotonic_now() < remind_at) {
    return;
  }
  remind_at = never;
  const auto callback = std::exchange(reminder, nullptr); // it may wish for the next one
  callback();
}

Watcher::Watcher(Obituary& obituary) : state_(std::make_unique<State>(obituary)) {
  state_->poller.add(state_->stop.fd(), State::stop_token);
  // Signals are for the threads of the program, not for this one: a handler must not run inside a callback.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    state_->thread = os::start_thread("watch processes", [state = state_.get()] { state->run(); });
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watcher::~Watcher() {
  RINGFLEET_ASSERT(std::this_thread::get_id() != state_->thread.get_id(), "a watcher is not destroyed by a callback");
  state_->stop.signal();
  state_->thread.join();
}

Watcher::WatchId Watcher::watch(int fd, ReadyCallback callback) {
  auto watch = std::make_shared<State::Watch>();
  watch->fd = fd;
  watch->ready = std::move(callback);
  return state_->add(std::move(watch));
}

Watcher::WatchId Watcher::watch_death(const os::Descriptor& pidfd, DeathCallback callback) {
  auto watch = std::make_shared<State::Watch>();
  watch->pidfd = pidfd.duplicate();
  watch->fd = watch->pidfd.get();
  watch->death = std::move(callback);
  return state_->add(std::move(watch));
}

void Watcher::remind(MonotonicNs at, std::function<void()> callback) {
  RINGFLEET_ASSERT(std::this_thread::get_id() == state_->thread.get_id(), "a watcher is told by its callbacks when");
  state_->remind_at = at;
  state_->reminder = std::move(callback);
}

void Watcher::unwatch(WatchId id) {
  if (id == 0) {
    return;
  }
  std::shared_ptr<State::Watch> removed; // destroyed after the lock is released: callbacks may own anything
  std::unique_lock lock(state_->mutex);
  if (const auto found = state_->watches.find(id); found != state_->watches.end()) {
    state_->poller.remove(found->second->fd);
    removed = std::move(found->second);
    state_->watches.erase(found);
  }
  if (std::this_thread::get_id() != state_->thread.get_id()) {
    state_->callback_ended.wait(lock, [&] { return state_->running_id != id; });
  }
  lock.unlock();
}

} // namespace ringfleet::memory
