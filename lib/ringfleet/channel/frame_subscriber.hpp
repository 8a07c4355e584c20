#pragma once

// Layer 1 by name, the reading side: messages of bytes, in order, each exactly once, viewed in place. What
// Subscriber<T> is built on, and reachable from it.
//
//   wait() → poll(handler)      the bytes are valid inside the handler
//   take(view) … release_held() the bytes are kept, and the publisher held back, until they are released
//
// A FrameSubscriber holds the publisher back when it does not read: nothing is lost. A LossyFrameSubscriber never does:
// it gets copies that were proven intact, and is told when it was lapped. When the publisher dies, what it had
// published is read first, then the answer is `detached`; when somebody continues the channel, reading goes on by
// itself.

#include "ringfleet/channel/channel_counters.hpp"
#include "ringfleet/channel/kinds.hpp"
#include "ringfleet/channel/options.hpp"
#include "ringfleet/channel/result.hpp"
#include "ringfleet/memory/place.hpp"
#include "ringfleet/ring/owner_watch.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

namespace ringfleet::channel {

// One thread at a time; stop() from any. Not usable in a forked child.
template <class Kind>
class BasicFrameSubscriber {
public:
  using RingReader = typename Kind::RingReader;
  using Reader = typename Kind::FrameReader;

  // Joins the channel. Blocks while it waits for it to appear, if that is asked for. Throws Error:
  //   not_found, timed_out          there is no such channel (and none came)
  //   already_exists                a living reader has this id; the text names its pid
  //   limit_reached                 the channel has no line left for another reader
  //   bad_segment, version_mismatch, no_permission, wrong_state   as ring::RingSpace::attach
  explicit BasicFrameSubscriber(std::string_view name, const SubscriberOptions& options = {})
      : BasicFrameSubscriber(memory::Place::shm(name), options) {}
  explicit BasicFrameSubscriber(const memory::Place& place, const SubscriberOptions& options = {});
  // Memory that is there already: RingSpace::share() of a publisher in this process, or passed descriptors.
  explicit BasicFrameSubscriber(ring::RingSpace space, const SubscriberOptions& options = {});
  BasicFrameSubscriber(BasicFrameSubscriber&&) noexcept;
  BasicFrameSubscriber& operator=(BasicFrameSubscriber&&) noexcept;
  // With an id: the position is kept for keep_place, and the same id goes on there. Without: gone.
  ~BasicFrameSubscriber();

  // Calls handler(const frame::View&) for up to `max` messages that are there, then releases them. Never waits; no
  // system call unless the publisher waits for room.
  template <class Handler>
  frame::PollResult poll(Handler&& handler, std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    Polled polled{hot_->counters};
    const auto result = hot_->reader.poll(
        [&](const frame::View& view) {
          ++polled.messages;
          polled.bytes += view.bytes.size();
          if (hot_->latency) [[unlikely]] {
            hot_->latency->record(view);
          }
          handler(view);
        },
        max);
    if (result.messages == 0) {
      settle(result);
    }
    return result;
  }
  // The next message, to be kept. `held` when options.held_views are out.
  [[nodiscard]] frame::ReadResult take(frame::View& view)
    requires(Kind::role == ring::MemberRole::reliable);
  // Gives back the `count` views that were taken first: `message`. `empty`: fewer were held; all of them were given
  // back. `evicted`: they were void already.
  frame::ReadResult release_held(std::uint64_t count = 1) noexcept
    requires(Kind::role == ring::MemberRole::reliable)
  {
    return hot_->reader.release_held(count);
  }

  // Blocks until there is something to read, or nothing can come at present.
  [[nodiscard]] WaitResult wait(MonotonicNs deadline = never);
  // After `detached`: blocks until somebody publishes here again. `ready`, `replaced`, `timed_out`.
  [[nodiscard]] WaitResult wait_for_publisher(MonotonicNs deadline);

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept;
  void resume() noexcept;
  // For good: the position is not kept. Nothing else may be called afterwards.
  void leave() noexcept;

  // The first block that is not read; see From::sequence.
  [[nodiscard]] std::uint64_t position() const noexcept;
  // This id was here before, and goes on where it was.
  [[nodiscard]] bool is_resumed() const noexcept;
  // Blocks that were overwritten before this reader came to them: of a reliable one, between the place where it wanted
  // to begin and the one where it could. What was lent counts as one block when its memory has been taken back: also a
  // reliable reader may come to such messages, after it was away, and missed() grows as it passes them. So it does for
  // each fragment of a message whose beginning the one who had this id before had taken, and not the end; and of a
  // lossy one for each fragment of a message of which something else was overwritten, or that was begun when it was
  // lapped.
  // It is told once, to the one whose poll passes the place: look after each poll, also one that brings no message. Who
  // dies with that word takes it along; who dies before it has passed leaves it to its heir.
  [[nodiscard]] std::uint64_t missed() const noexcept;
  // Of the publisher that was seen last; it grows by one with each that continues the channel.
  [[nodiscard]] std::uint64_t generation() const noexcept;

  // The same channel, a layer below. Under AddressSanitizer a reliable subscriber that has a mapping of its own poisons
  // what it does not hold, until ring() or space() have been asked for once.
  [[nodiscard]] Reader& frames() noexcept { return hot_->reader; }
  [[nodiscard]] RingReader& ring() noexcept;
  [[nodiscard]] const ring::RingSpace& space() const noexcept;
  [[nodiscard]] SubscriberCounters& counters() noexcept { return hot_->counters; }
  // Null unless SubscriberOptions::sent_at is set. Of the reading thread; in nanoseconds.
  [[nodiscard]] const counter::Histogram* latency() const noexcept {
    return hot_->latency ? &hot_->latency->histogram() : nullptr;
  }

private:
  struct Hot {
    Hot(RingReader& ring, const frame::ReaderOptions& options, const SubscriberCounters& handles)
        : reader(ring, options), counters(handles) {}

    Reader reader;
    SubscriberCounters counters;
    std::unique_ptr<Latency> latency; // if it was asked for
  };
  // What one poll counts, shown at its end, also when the handler throws.
  struct Polled {
    SubscriberCounters& counters;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;

    ~Polled() {
      counters.polls.add();
      if (messages != 0) {
        counters.messages.add(messages);
        counters.bytes.add(bytes);
      }
    }
  };
  struct State;

  void settle(const frame::PollResult& result);

  std::unique_ptr<State> state_;
  Hot* hot_ = nullptr; // of the state
};

extern template class BasicFrameSubscriber<Reliable>;
extern template class BasicFrameSubscriber<ReliableOfMany>;
extern template class BasicFrameSubscriber<Lossy>;
extern template class BasicFrameSubscriber<LossyOfMany>;

using FrameSubscriber = BasicFrameSubscriber<Reliable>;
using SharedFrameSubscriber = BasicFrameSubscriber<ReliableOfMany>; // of a SharedFramePublisher
using LossyFrameSubscriber = BasicFrameSubscriber<Lossy>;
using SharedLossyFrameSubscriber = BasicFrameSubscriber<LossyOfMany>; // of a SharedFramePublisher

} // namespace ringfleet::channel
