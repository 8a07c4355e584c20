#pragma once

// Layer 1 by name: messages of bytes, one publisher, any number of readers that come and go. What Publisher<T> is built
// on, and reachable from it.
//
//   publish(bytes)                 copied into the ring
//   claim(n) → fill → commit       written in place in the ring
//   loan(n)  → fill → commit       written in place in the arena, for what is large
//
// When a publisher dies, readers learn it from the kernel, read what it had published, and go on when somebody
// continues the channel. A reader that dies is not waited for any more as soon as the kernel says so.

#include "ringfleet/channel/channel_counters.hpp"
#include "ringfleet/channel/kinds.hpp"
#include "ringfleet/channel/options.hpp"
#include "ringfleet/channel/result.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/memory/place.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace ringfleet::channel {

// One thread at a time; stop() and members() from any. Not usable in a forked child.
template <class Kind>
class BasicFramePublisher {
public:
  using Producer = typename Kind::Producer;
  using Writer = frame::FrameWriter<Producer>;

  // Creates the channel, or continues it when its publisher is gone. Blocks as the coordination says. Throws Error as
  // ring::RingSpace::create; timed_out when readers are missing: then there is no publisher.
  explicit BasicFramePublisher(std::string_view name, const PublisherOptions& options = {})
      : BasicFramePublisher(memory::Place::shm(name), options) {}
  explicit BasicFramePublisher(const memory::Place& place, const PublisherOptions& options = {});
  BasicFramePublisher(BasicFramePublisher&&) noexcept;
  BasicFramePublisher& operator=(BasicFramePublisher&&) noexcept;
  // Readers get `detached` when they have read everything. What was published stays for whoever joins at oldest.
  ~BasicFramePublisher();

  // Never waits; no system call unless a reader sleeps, or, of several publishers, another one has joined since.
  [[nodiscard]] PublishResult try_publish(std::span<const std::byte> bytes, std::uint16_t kind = 0) {
    return publish(bytes, 0, kind);
  }
  // Waits while the slowest reader has no room: a reader that is stopped stops the publisher, a dead one does not.
  [[nodiscard]] PublishResult publish(std::span<const std::byte> bytes, MonotonicNs deadline = never,
                                      std::uint16_t kind = 0) {
    if (!hot_->is_guarded && hot_->writer.write(bytes, {.kind = kind}) == frame::WriteResult::written) [[likely]] {
      count_written(bytes.size());
      return PublishResult::published;
    }
    return publish_slowly(bytes, deadline, kind);
  }

  // `bytes` bytes in place, 16-byte aligned, at most frames().max_claim(). Check it before use: it is empty after a
  // deadline. Commit it with commit(), which counts it.
  // `why`: what publish() would have answered instead.
  [[nodiscard]] typename Writer::Claim claim(std::uint64_t bytes, MonotonicNs deadline = never,
                                             PublishResult* why = nullptr) {
    if (!hot_->is_guarded) [[likely]] {
      auto claim = hot_->writer.claim(bytes);
      if (claim) [[likely]] {
        return claim;
      }
    }
    return claim_slowly(bytes, deadline, why);
  }
  // `bytes` bytes of the arena, 64-byte aligned. Several may be open.
  [[nodiscard]] typename Writer::Loan loan(std::uint64_t bytes, MonotonicNs deadline = never,
                                           PublishResult* why = nullptr);
  PublishResult commit(typename Writer::Claim& claim, std::span<const std::byte> part, std::uint16_t kind = 0) {
    (void)claim.commit(part, {.kind = kind});
    count_written(part.size());
    return PublishResult::published;
  }
  [[nodiscard]] PublishResult commit(typename Writer::Loan& loan, std::span<const std::byte> part,
                                     MonotonicNs deadline = never, std::uint16_t kind = 0);

  // Blocks until that many readers have joined. False at the deadline, or after stop(). Throws Error(invalid_argument)
  // when the channel has not so many lines.
  [[nodiscard]] bool wait_for_readers(std::uint32_t readers, MonotonicNs deadline);
  // The same until `is_enough` says so of those who are there.
  using Members = std::vector<ring::Member>;
  [[nodiscard]] bool wait_for_members(const std::function<bool(const Members&)>& is_enough, MonotonicNs deadline);
  // Looks who has come, gone, or fallen behind now, instead of when the ring is next full. Calls on_alert.
  void check_readers();
  [[nodiscard]] std::vector<ring::Member> members() const;
  [[nodiscard]] std::uint32_t readers() const;
  // Does not wait for this reader any more. False when nobody with the id is there.
  bool evict(std::string_view id);

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept;
  void resume() noexcept;

  [[nodiscard]] const ring::RingFacts& facts() const noexcept;
  [[nodiscard]] std::uint64_t max_message() const noexcept { return hot_->writer.max_message(); }
  // The same channel, a layer below. Nothing may be claimed while a claim of this object is open. Under
  // AddressSanitizer a publisher poisons what it has not claimed, until ring() or space() have been asked for once.
  [[nodiscard]] Writer& frames() noexcept { return hot_->writer; }
  [[nodiscard]] Producer& ring() noexcept;
  [[nodiscard]] const ring::RingSpace& space() const noexcept;
  [[nodiscard]] PublisherCounters& counters() noexcept { return hot_->counters; }

private:
  // What publishing touches when nothing is in its way.
  struct Hot {
    Hot(Producer& producer, const frame::WriterOptions<>& options, const PublisherCounters& handles)
        : writer(producer, options), its_producer(producer), counters(handles), owners_watched(owner_joins()) {}

    // Of many producers: grows when a message may have come behind that of a publisher that nobody here watches.
    [[nodiscard]] std::uint64_t owner_joins() const noexcept {
      if constexpr (Kind::producers == ring::Producers::many) {
        return its_producer.sequencer().owner_joins();
      }
      return 0;
    }

    Writer writer;
    Producer& its_producer;
    PublisherCounters counters;
    std::uint64_t owners_watched; // owner_joins() at the last look at them
    bool is_guarded = false;      // publishing has to look at the readers first
  };
  struct State;

  void count_written(std::uint64_t bytes) {
    hot_->counters.count_message(bytes);
    watch_newcomers();
  }
  void watch_newcomers() {
    if (hot_->owner_joins() != hot_->owners_watched) [[unlikely]] {
      look_at_newcomers();
    }
  }
  void look_at_newcomers();

  PublishResult publish_slowly(std::span<const std::byte> bytes, MonotonicNs deadline, std::uint16_t kind);
  typename Writer::Claim claim_slowly(std::uint64_t bytes, MonotonicNs deadline, PublishResult* why);

  std::unique_ptr<State> state_;
  Hot* hot_ = nullptr; // of the state
};

extern template class BasicFramePublisher<OneProducer>;
extern template class BasicFramePublisher<ManyProducers>;

// One living publisher per name: a second one is refused with the pid of the first.
using FramePublisher = BasicFramePublisher<OneProducer>;
// Any number of publishers, in any processes, and one order for all readers. What a publisher had begun when it died is
// never seen, and the others go on. Each that asks for `arena_bytes` lends from an arena of its own; what a dead one
// had published stays readable, and whoever takes its arena next goes on behind it.
using SharedFramePublisher = BasicFramePublisher<ManyProducers>;

} // namespace ringfleet::channel
