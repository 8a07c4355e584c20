#pragma once

// The positions of a lossy reader: it holds nobody back and may be lapped. It copies first and then checks, against the
// published limit, whether what it copied was left alone meanwhile; see sequencer.hpp. To check against the cursor
// would be wrong: the producer overwrites before it publishes.

#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/reader_sequencer.hpp"
#include "ringfleet/ring/ring_memory.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::ring {

// Where a reader goes on that was lapped.
enum class Resume : std::uint8_t {
  oldest, // the oldest element that is not about to be overwritten: loses the least, and is lapped soonest again
  latest  // the next one that is published: loses everything up to now
};

struct LossyOptions {
  JoinFrom from = JoinFrom::latest;
  std::uint64_t position = 0; // with JoinFrom::sequence
  Resume resume = Resume::oldest;
};

// One thread at a time. The lines must outlive it.
template <class A = Atomics>
class LossySequencer {
public:
  // Takes a line, so that it can park. Never blocks. Empty when somebody holds the line, or when the position has not
  // been published.
  [[nodiscard]] static std::optional<LossySequencer> join(const RingLines& lines, std::size_t line,
                                                          const LossyOptions& options = {}) noexcept {
    Gate<A> gate;
    auto reader = watch(lines, options);
    if (!reader || !gate.take(lines.readers[line], lossy_reader)) {
      return std::nullopt;
    }
    // SYNC ring.joins: release; pairs with the acquire in ActiveLines::refresh. Publishes: the line that was taken.
    A::fetch_add(lines.joins->value, std::uint64_t{1});
    reader->own_ = &lines.readers[line];
    return reader;
  }
  // Without a line: nobody sees this reader, and it cannot park. Writes nothing to the ring.
  [[nodiscard]] static std::optional<LossySequencer> watch(const RingLines& lines,
                                                           const LossyOptions& options = {}) noexcept {
    LossySequencer reader(lines, options.resume);
    reader.position_ = reader.cursor();
    if (options.from != JoinFrom::latest) {
      const auto oldest = reader.oldest();
      const bool is_sequence = options.from == JoinFrom::sequence;
      if (is_sequence && is_before(reader.position_, options.position)) {
        return std::nullopt;
      }
      // An asked-for position that is gone is a lap like any other.
      reader.position_ = is_sequence ? options.position : oldest;
    }
    return reader;
  }
  void leave() noexcept {
    if (own_ != nullptr) {
      own_->gate.template publish<A>(no_reader);
    }
  }

  // How much has been published from position() on; more than the capacity when it was lapped.
  [[nodiscard]] std::uint64_t published() const noexcept { return cursor() - position_; }

  // The position whose element is waited for when nothing is published from position() on.
  [[nodiscard]] std::uint64_t seen() const noexcept { return position_; }
  // Is the element at `position` there? May be asked by another thread while this reader exists.
  [[nodiscard]] bool is_there(std::uint64_t position) const noexcept { return is_before(position, cursor()); }

  // After copying from position() on: was it intact? Then it was intact behind it, too. If not, nothing that was copied
  // may be used: resume().
  [[nodiscard]] bool check() const noexcept {
    A::step("ring.copied");
    // SYNC ring.limit: acquire barrier between the copy and the limit; pairs with the release and the barrier in
    // SingleProducerSequencer::extend.
    A::load_barrier();
    return !is_before(position_, A::load_relaxed(lines_.producer->limit.value) - lines_.capacity);
  }
  void advance(std::uint64_t count) noexcept { position_ += count; }
  // Goes on where the options say. Returns how many elements were skipped; they are counted in lost().
  std::uint64_t resume() noexcept {
    const auto place = resume_ == Resume::latest ? cursor() : oldest();
    const auto gap = is_before(position_, place) ? place - position_ : 0;
    position_ += gap;
    lost_ += gap;
    ++laps_;
    return gap;
  }

  [[nodiscard]] bool is_closed() const noexcept {
    // SYNC ring.closed: acquire; pairs with the release in SingleProducerSequencer::close.
    return A::load_acquire(lines_.producer->closed) != 0;
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t laps() const noexcept { return laps_; }
  [[nodiscard]] ReaderLines* own() const noexcept { return own_; }
  // Rings when something is published.
  [[nodiscard]] const std::uint32_t& bell() const noexcept { return lines_.producer->bell; }
  [[nodiscard]] const RingLines& lines() const noexcept { return lines_; }

private:
  LossySequencer(const RingLines& lines, Resume resume) noexcept : lines_(lines), resume_(resume) {}

  [[nodiscard]] std::uint64_t cursor() const noexcept { return lines_.producer->cursor.template observe<A>(); }
  [[nodiscard]] std::uint64_t oldest() const noexcept {
    return lines_.producer->limit.template observe<A>() - lines_.capacity;
  }

  RingLines lines_;
  ReaderLines* own_ = nullptr;
  std::uint64_t position_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t laps_ = 0;
  Resume resume_;
};

} // namespace ringfleet::ring
