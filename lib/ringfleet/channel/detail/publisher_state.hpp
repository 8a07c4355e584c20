#pragma once

// What a FramePublisher is made of, and how it insists on room: look who reads, wait, look again.

#include "ringfleet/base/process_word.hpp"
#include "ringfleet/channel/frame_publisher.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/os/timer.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/reader.hpp"

#include <mutex>
#include <optional>
#include <vector>

namespace ringfleet::channel {

// In the order in which they are made; what looks at something ends before it.
template <class Kind>
struct BasicFramePublisher<Kind>::State {
  static constexpr Nanoseconds look_every = std::chrono::milliseconds(50);

  // Holds the ring's beginning while nobody reads yet: a reader of this process that reads nothing.
  struct Keeper {
    ring::Membership membership;
    typename Kind::RingReader reader;
  };

  // An arena of a ring with many producers, while this publisher lends from it.
  struct HeldArena {
    explicit HeldArena(const ring::RingSpace& its_space);
    HeldArena(const HeldArena&) = delete;
    HeldArena& operator=(const HeldArena&) = delete;
    ~HeldArena();

    const ring::RingSpace& space;
    std::uint32_t number;
  };

  State(const memory::Place& place, const PublisherOptions& wanted);
  ~State();

  [[nodiscard]] ring::BarrierOptions barrier_options() const noexcept {
    return {.waiting = options.waiting,
            .obituary = &obituary,
            .dead = nullptr,
            .shared = space.place().backing() != memory::Backing::heap,
            .parks = counters.parks.word(),
            .wakes = counters.wakes.word()};
  }

  // Before the first message; see Coordination.
  void begin_coordination();
  void hold_beginning();

  // Why nothing may be published now.
  [[nodiscard]] std::optional<PublishResult> refusal();

  // Who has taken its line and not yet its gate misses what is published now: it does not count yet.
  [[nodiscard]] std::uint32_t readers() const;

  // Any thread, one at a time. Evictions are left for the publishing thread.
  void look_at_required(bool is_full);

  // On the watcher's thread, now and then while the publishing thread waits.
  void look_while_waiting();

  // Publishing thread.
  void look(bool is_full);
  [[nodiscard]] bool has_failed() {
    const std::scoped_lock lock(required_mutex);
    return required.has_failed();
  }

  // attempt(until) writes; with 0 it must not wait; `needs_wait` from one that waited: try again. Ends when it is
  // written, or cannot be.
  template <class Attempt>
  [[nodiscard]] frame::WriteResult insist(MonotonicNs deadline, PublishResult& refused, Attempt&& attempt) {
    for (;;) {
      if (const auto why = refusal()) {
        refused = *why;
        return frame::WriteResult::full;
      }
      auto result = attempt(MonotonicNs{0});
      if (result != frame::WriteResult::full && result != frame::WriteResult::needs_wait) {
        return result;
      }
      hot->counters.full.add();
      look(true);
      if (keeper) {
        refused = PublishResult::no_readers;
        return frame::WriteResult::full;
      }
      if (monotonic_now() >= deadline) {
        return frame::WriteResult::full;
      }
      hot->counters.waits.add();
      timer.start(look_every);
      result = attempt(deadline);
      timer.stop();
      if (result == frame::WriteResult::needs_wait) {
        continue;
      }
      if (result != frame::WriteResult::stopped || stop_requested.observe() != 0) {
        return result;
      }
      producer.resume();
      if (stop_requested.observe() != 0) {
        return frame::WriteResult::stopped;
      }
      look(true);
    }
  }

  [[nodiscard]] static PublishResult answer_to(frame::WriteResult result) noexcept;
  PublishResult refuse(frame::WriteResult result, PublishResult refused, PublishResult* why = nullptr) {
    hot->counters.refused.add();
    const auto answer = result == frame::WriteResult::full ? refused : answer_to(result);
    if (why != nullptr) {
      *why = answer;
    }
    return answer;
  }
  void count_buffered() noexcept { buffered += keeper ? 1 : 0; }

  [[nodiscard]] bool wait_for_members(const std::function<bool(const Members&)>& is_enough, MonotonicNs deadline);

  PublisherOptions options;
  ring::RingSpace space;
  memory::Obituary obituary;
  memory::Watcher watcher;
  CounterFile file;
  PublisherCounters counters;
  Producer producer;
  std::optional<HeldArena> held_arena;
  std::optional<frame::LoanArena<>> arena;
  ring::Members members;
  std::optional<Hot> hot;
  std::optional<Keeper> keeper;
  std::uint64_t buffered = 0;

  std::mutex required_mutex;
  RequiredReaders required;
  std::vector<RequiredReaders::Eviction> evictions;
  bool needs_attention = false;

  os::Timer timer;
  memory::Watcher::WatchId timer_watch = 0;
  ProcessWord<std::uint32_t> stop_requested;
};

} // namespace ringfleet::channel
