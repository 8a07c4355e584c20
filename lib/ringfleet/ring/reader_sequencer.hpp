#pragma once

// The positions of a reliable reader: joining, seeing, releasing. Like the producer's sequencer it knows nothing of
// slots and never waits. A reader may follow others (followed.hpp).

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/active_lines.hpp"
#include "ringfleet/ring/followed.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/look_pacer.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/ring_memory.hpp"
#include "ringfleet/ring/wait_ladder.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::ring {

enum class ReadResult : std::uint8_t {
  ok,
  empty,
  lapped,   // lossy readers: elements were overwritten before they were read; they are counted
  detached, // nothing is left, and nothing more will come
  evicted   // what was read since the last release is void; leave, and join again
};

enum class JoinFrom : std::uint8_t {
  latest,  // what is published from now on
  oldest,  // the oldest element that is not about to be overwritten; up to seven eighths of the ring
  sequence // a given position; if it has been overwritten, the oldest
};

struct JoinOptions {
  JoinFrom from = JoinFrom::latest;
  std::uint64_t position = 0;                  // with JoinFrom::sequence
  std::span<const std::uint32_t> follows = {}; // lines of readers whose gates this reader does not pass
  // May the reader of a stream look later, as long as the stream flows faster for it (look_pacer.hpp)? It reads the
  // time stamp counter for that, which kills a process under SECCOMP_MODE_STRICT or PR_TSC_SIGSEGV. One producer only.
  bool paced = true;
};

// One thread at a time. The lines must outlive it.
template <class A = Atomics>
class ReaderSequencer {
public:
  // Takes the line. Never blocks. Empty when somebody holds the line, or when the position has not been published.
  [[nodiscard]] static std::optional<ReaderSequencer> join(const RingLines& lines, std::size_t line,
                                                           const JoinOptions& options = {}) noexcept {
    ReaderSequencer reader(lines, line, options);
    if (!reader.enter(options)) {
      return std::nullopt;
    }
    return reader;
  }

  // How many elements can be read now, from position() on. One load when the last answer is used up; while a stream
  // flows, after some pauses of the core (see LookPacer).
  [[nodiscard]] std::uint64_t available() noexcept {
    if (seen_ == position()) {
      look_for_more();
    }
    return seen_ - position();
  }
  // The same, looking anew.
  [[nodiscard]] std::uint64_t available_now() noexcept {
    seen_ = look();
    return seen_ - position();
  }

  // Is everything below `position` published, whether or not those that this reader follows have released it? May be
  // asked by another thread while this reader exists.
  [[nodiscard]] bool is_published(std::uint64_t position) const noexcept {
    return !is_before(lines_.producer->cursor.template observe<A>(), position);
  }
  // Is everything below `position` there? Likewise.
  [[nodiscard]] bool is_there(std::uint64_t position) const noexcept {
    const auto cursor = lines_.producer->cursor.template observe<A>();
    return !is_before(followed_.is_nobody() ? cursor : least_followed(cursor), position);
  }

  // The first `count` available elements may be overwritten. `ok` or `evicted`.
  [[nodiscard]] ReadResult release(std::uint64_t count) noexcept {
    if (is_evicted()) [[unlikely]] {
      return ReadResult::evicted;
    }
    gate_.advance(position() + count);
    return ReadResult::ok;
  }
  void leave() noexcept { gate_.leave(); }

  [[nodiscard]] bool is_evicted() const noexcept {
    // SYNC ring.evict: acquire barrier between the elements and the mark; pairs with the release and the barrier in
    // SingleProducerSequencer::evict.
    A::load_barrier();
    return A::load_relaxed(*mark_) == gate_.incarnation();
  }
  [[nodiscard]] bool is_closed() const noexcept {
    // SYNC ring.closed: acquire; pairs with the release in SingleProducerSequencer::close.
    return A::load_acquire(lines_.producer->closed) != 0;
  }

  // After position() went from `before` to `after`: does the producer or a follower wait for that?
  [[nodiscard]] bool is_awaited(std::uint64_t before, std::uint64_t after) noexcept {
    A::step("parking.published");
    // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
    A::store_load_barrier();
    if (followers_.is_stale(*lines_.joins)) [[unlikely]] {
      followers_.refresh(*lines_.joins, lines_.readers,
                         [&](std::size_t i) { return Followed<A>::is_shown(lines_.readers[i], line_); });
    }
    bool awaited = is_awaited_behind_barrier<A>(lines_.producer->awaited_gate, before, after);
    for (const auto follower : followers_.lines()) {
      awaited = awaited || is_awaited_behind_barrier<A>(lines_.readers[follower].awaited_cursor, before, after);
    }
    return awaited;
  }
  [[nodiscard]] const Followed<A>& followed() const noexcept { return followed_; }

  [[nodiscard]] std::uint64_t position() const noexcept { return gate_.position(); }
  // The gate that others may have seen, and wait for, before this reader was in.
  [[nodiscard]] std::uint64_t first_shown() const noexcept { return first_shown_; }
  // How many elements from the asked-for position on were gone already (JoinFrom::sequence).
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return gate_.incarnation(); }
  [[nodiscard]] std::size_t line() const noexcept { return line_; }
  [[nodiscard]] ReaderLines& own() const noexcept { return gate_.line(); }
  [[nodiscard]] const RingLines& lines() const noexcept { return lines_; }

private:
  ReaderSequencer(const RingLines& lines, std::size_t line, const JoinOptions& options) noexcept
      : is_paced_(options.paced), mark_(&lines.evicted[line]), lines_(lines), line_(line),
        followed_(options.follows, line, lines.readers.size()) {}

  // How the newcomer and a producer that overwrites do not miss each other is in sequencer.hpp. One pass is enough: a
  // later limit is stated by a producer that has seen this gate.
  [[nodiscard]] bool enter(const JoinOptions& options) noexcept {
    const auto& producer = *lines_.producer;
    auto begin = producer.cursor.template observe<A>();
    if (options.from != JoinFrom::latest) {
      const auto oldest = producer.limit.template observe<A>() - lines_.capacity;
      const bool is_sequence = options.from == JoinFrom::sequence;
      if (is_sequence && is_before(begin, options.position)) {
        return false;
      }
      begin = is_sequence && is_before(oldest, options.position) ? options.position : oldest;
    }
    if (!gate_.take(lines_.readers[line_], begin)) {
      return false;
    }
    first_shown_ = begin;
    followed_.show(own());
    A::step("ring.gate_shown");
    // SYNC ring.joins: release; pairs with the acquire in ActiveLines::refresh. Publishes: the line, and whom it
    // follows.
    A::fetch_add(lines_.joins->value, std::uint64_t{1});
    A::step("ring.joined");
    // SYNC ring.join: barrier between the gate and the limit; pairs with the barrier in
    // SingleProducerSequencer::extend.
    A::store_load_barrier();
    // The limit before the cursor: it is never more than a capacity ahead of a cursor that was published before it.
    const auto oldest = producer.limit.template observe<A>() - lines_.capacity;
    if (options.from == JoinFrom::latest) {
      begin = producer.cursor.template observe<A>();
    } else if (is_before(begin, oldest)) {
      begin = oldest;
    }
    if (begin != first_shown_) {
      gate_.advance(begin);
    }
    gate_.begun();
    missed_ = options.from == JoinFrom::sequence ? begin - options.position : 0;
    seen_ = begin;
    return true;
  }

  void look_for_more() noexcept {
    for (std::uint32_t i = 0; i < pacer_.pauses(); ++i) {
      pause_core();
    }
    const auto before = seen_;
    seen_ = look();
    if (is_paced_) [[likely]] {
      pacer_.looked(seen_ - before, ticks_now);
    }
  }
  [[nodiscard]] std::uint64_t look() const noexcept {
    const auto cursor = within_ring(lines_.producer->cursor.template observe<A>());
    if (followed_.is_nobody()) [[likely]] {
      return cursor;
    }
    // Whoever joined behind us is waited for.
    const auto least = least_followed(cursor);
    return is_before(least, position()) ? position() : least;
  }
  // Whatever the cursor says, no more is there than a ring holds, and nothing that was read comes back.
  [[nodiscard]] std::uint64_t within_ring(std::uint64_t cursor) const noexcept {
    if (cursor - position() <= lines_.capacity) [[likely]] {
      return cursor;
    }
    return is_before(cursor, position()) ? position() : position() + lines_.capacity;
  }
  [[nodiscard]] std::uint64_t least_followed(std::uint64_t cursor) const noexcept {
    return followed_.least(lines_.readers, lines_.evicted, cursor);
  }

  Gate<A> gate_;
  std::uint64_t seen_ = 0;
  LookPacer pacer_;
  bool is_paced_;
  const std::uint64_t* mark_;
  RingLines lines_;
  std::size_t line_;
  Followed<A> followed_;
  std::uint64_t first_shown_ = 0;
  std::uint64_t missed_ = 0;
  ActiveLines<A> followers_;
};

} // namespace ringfleet::ring
