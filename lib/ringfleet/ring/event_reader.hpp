#pragma once

// A reader inside an event loop: a descriptor for epoll (or poll, or an Asio stream_descriptor) that is readable while
// the reader has something to read. A thread of this object waits for the ring and signals the descriptor; it touches
// nothing of the ring but the flag that says what it waits for.
//
//   loop: fd is readable → poll(handler) until it answers `empty` (or as long as one likes)

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/event_counter.hpp"
#include "ringfleet/os/thread.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/fan_in.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace ringfleet::ring {

// One thread at a time. The reader outlives it, stays where it is, and its own wait() is not called meanwhile.
template <Waitable R>
class EventReader {
public:
  // Throws Error(invalid_argument) for a ring that nobody can park on, Error(no_descriptors), Error(limit_reached) when
  // there is no room for a thread.
  explicit EventReader(R& reader) : reader_(reader), barrier_(reader.options()) {
    if (reader.options().waiting != Waiting::park) {
      throw Error(ErrorCode::invalid_argument, "wait for a ring in an event loop: it is one that nobody can sleep on",
                  "make the ring with Waiting::park, and let a lossy reader take a line");
    }
    readable_.signal();
    thread_ = os::start_thread("watch a ring for an event loop", [this] { run(); });
    rearm();
  }
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;
  ~EventReader() {
    barrier_.stop();
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    armed_changed_.notify_one();
    thread_.join();
  }

  // Level-triggered: readable while there is something to read, and when the end has come. It may be readable once too
  // often. Do not read from it.
  [[nodiscard]] int fd() const noexcept { return readable_.fd(); }

  // reader.poll(handler, …), then rearm().
  template <class Handler, class... Max>
  [[nodiscard]] auto poll(Handler&& handler, Max... max) {
    auto result = reader_.poll(std::forward<Handler>(handler), max...);
    rearm();
    return result;
  }
  // After reading: where nothing is left, the descriptor is not readable until something comes. Never waits; two system
  // calls when nothing is left, none otherwise.
  void rearm() {
    const auto awaited = reader_.next_awaited();
    if (awaited.is_over()) {
      return; // and the descriptor is readable, or about to be
    }
    {
      const std::lock_guard lock(mutex_);
      if (awaited_) {
        return; // the thread is still waiting, and will see
      }
      (void)readable_.drain();
      awaited_.emplace(awaited);
    }
    armed_changed_.notify_one();
  }

private:
  using ItsAwaited = decltype(std::declval<R&>().next_awaited());

  // `awaited_` is set by rearm() and cleared here; while it is empty the descriptor is readable.
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      armed_changed_.wait(lock, [&] { return is_ending_ || awaited_.has_value(); });
      if (is_ending_) {
        return;
      }
      auto awaited = *awaited_;
      lock.unlock();
      (void)barrier_.wait(awaited, never);
      readable_.signal();
      lock.lock();
      awaited_.reset();
    }
  }

  R& reader_;
  Barrier barrier_;
  os::EventCounter readable_;
  std::mutex mutex_;
  std::condition_variable armed_changed_;
  std::optional<ItsAwaited> awaited_;
  bool is_ending_ = false;
  std::thread thread_;
};

} // namespace ringfleet::ring
