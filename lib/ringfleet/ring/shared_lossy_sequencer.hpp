#pragma once

// The positions of a lossy reader of a ring with many producers: it walks the descriptors as a reliable one does
// (shared_reader_sequencer.hpp), copies the slots of committed claims, and then checks the copy.
//
// The check is against the limit, as with one producer. Whoever overwrites has claimed, a claim needs room that was
// granted, and it is granted after the limit was stated and the barrier behind it. The tail would do, too: it moves
// before its owner writes. But every claim moves it, and each look at it takes its line away from the producers, while
// the limit moves once for an eighth of the ring.
//
// Descriptors need no check. A word that says the lap of its position tells the truth about that claim for ever; a word
// of a later lap stands there only when the limit is past the position, so a walk that finds nothing asks whether the
// reader was lapped. A claim is overwritten only when it is finished, so whoever repairs what the dead have left never
// writes over what is copied here.

#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/lossy_sequencer.hpp"
#include "ringfleet/ring/shared_claims.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace ringfleet::ring {

// One thread at a time. The lines must outlive it. Writes nothing but its own line, if it has one.
template <class A = Atomics>
class SharedLossySequencer {
public:
  // Takes a line, so that it can park. Never blocks. Empty when somebody holds the line, or when the position lies in
  // the future. `latest`: from the first claim on that is not finished.
  [[nodiscard]] static std::optional<SharedLossySequencer> join(const SharedRingLines& lines, std::size_t line,
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
  [[nodiscard]] static std::optional<SharedLossySequencer> watch(const SharedRingLines& lines,
                                                                 const LossyOptions& options = {}) noexcept {
    SharedLossySequencer reader(lines, options.resume);
    if (options.from == JoinFrom::sequence && is_before(latest_claim<A>(lines).end(), options.position)) {
      return std::nullopt;
    }
    switch (options.from) {
    case JoinFrom::latest: reader.begin_at(reader.latest()); break;
    case JoinFrom::oldest: reader.begin_at(oldest_claim<A>(lines)); break;
    case JoinFrom::sequence: reader.begin_within(options.position); break;
    }
    return reader;
  }
  void leave() noexcept {
    if (own_ != nullptr) {
      own_->gate.template publish<A>(no_reader);
    }
  }

  // How many elements can be copied from position() on; more than the capacity when it was lapped. Skips what was
  // aborted: then position() has moved.
  [[nodiscard]] std::uint64_t published() noexcept {
    if (seen_ == position_) {
      walk();
    }
    if (seen_ == position_) {
      return is_gone_ || is_lapped(position_) ? lines_.capacity() + 1 : 0;
    }
    return std::min(seen_ - position_, lines_.capacity());
  }

  // Where the walk stands: the claim at that position is waited for when nothing is published.
  [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }
  // Is the claim at `position` finished, or gone? May be asked by another thread while this reader exists.
  [[nodiscard]] bool is_there(std::uint64_t position) const noexcept {
    const auto fate = look_at<A>(lines_, position).fate;
    return fate == Fate::committed || fate == Fate::aborted || is_lapped(position);
  }

  // After copying from position() on: was it intact? Then it was intact behind it, too. If not, nothing that was copied
  // may be used: resume().
  [[nodiscard]] bool check() const noexcept {
    A::step("shared.copied");
    // SYNC ring.limit: acquire barrier between the copy and the limit; pairs with the exchange and the barrier in
    // SharedRoom::extend.
    A::load_barrier();
    return !is_gone_ && !is_lapped(position_);
  }
  void advance(std::uint64_t count) noexcept { position_ += count; }
  // Goes on where the options say, at the beginning of a claim. Returns how many positions were skipped; they are
  // counted in lost(), whether they were committed or aborted: nobody can tell any more.
  std::uint64_t resume() noexcept {
    const auto place = resume_ == Resume::latest ? latest() : oldest_claim<A>(lines_);
    is_gone_ = false;
    ++laps_;
    if (!is_before(position_, place)) {
      return 0;
    }
    const auto gap = place - position_;
    begin_at(place);
    lost_ += gap;
    return gap;
  }

  [[nodiscard]] bool is_closed() const noexcept {
    // SYNC ring.closed: acquire; pairs with the release in SharedSequencer::close.
    return A::load_acquire(lines_.shared->closed) != 0;
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t laps() const noexcept { return laps_; }
  [[nodiscard]] ReaderLines* own() const noexcept { return own_; }
  // Rings when a claim is finished.
  [[nodiscard]] const std::uint32_t& bell() const noexcept { return lines_.shared->bell; }
  [[nodiscard]] const SharedRingLines& lines() const noexcept { return lines_; }

private:
  SharedLossySequencer(const SharedRingLines& lines, Resume resume) noexcept : lines_(lines), resume_(resume) {}

  void begin_at(std::uint64_t claim) noexcept { position_ = seen_ = claim; }
  // At `position` itself, if its claim is committed. A position that is gone is a lap like any other, although the
  // limit may not be past it yet: the beginning of its claim was overwritten, and with it what told where the claim
  // ends.
  void begin_within(std::uint64_t position) noexcept {
    const auto begin = claim_holding<A>(lines_, position, oldest_claim<A>(lines_));
    const auto claim = look_at<A>(lines_, begin);
    is_gone_ = is_before(position, begin);
    begin_at(is_gone_ ? position : begin);
    if (claim.fate == Fate::committed && is_before(begin, position) && is_before(position, claim.end())) {
      position_ = position;
      seen_ = claim.end();
    }
  }
  // The first claim that is not finished, but nothing that is gone already.
  [[nodiscard]] std::uint64_t latest() const noexcept {
    const auto unfinished = first_unfinished<A>(lines_);
    const auto oldest = oldest_claim<A>(lines_);
    return is_before(unfinished, oldest) ? oldest : unfinished;
  }

  [[nodiscard]] bool is_lapped(std::uint64_t position) const noexcept {
    return is_before(position, A::load_acquire(lines_.shared->limit) - lines_.capacity());
  }

  void walk() noexcept {
    for (;;) {
      const auto end = position_ + lines_.capacity();
      auto seen = seen_;
      // SYNC shared.descriptor: acquire; pairs with the release in SharedSequencer::commit. Receives: the slots.
      while (is_before(seen, end) && is_single_committed(A::load_acquire(lines_.descriptor(seen)), lines_.lap(seen))) {
        ++seen;
      }
      seen_ = seen;
      if (!is_before(seen, end) || !walk_claim()) {
        return;
      }
    }
  }
  // Of any length and fate. False: the walk ends here.
  [[nodiscard]] bool walk_claim() noexcept {
    const auto claim = look_at<A>(lines_, seen_);
    if (claim.fate == Fate::committed) {
      seen_ = claim.end();
      return true;
    }
    if (claim.fate != Fate::aborted || seen_ != position_) {
      return false;
    }
    begin_at(claim.end());
    return true;
  }

  SharedRingLines lines_;
  ReaderLines* own_ = nullptr;
  std::uint64_t position_ = 0;
  std::uint64_t seen_ = 0; // where a claim begins
  std::uint64_t lost_ = 0;
  std::uint64_t laps_ = 0;
  bool is_gone_ = false; // `position_` was, before the reader came
  Resume resume_;
};

} // namespace ringfleet::ring
