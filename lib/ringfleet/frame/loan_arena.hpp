#pragma once

// The writer's side of loans: memory in a circle, lent in order and taken back in order. A loan comes back when it was
// given up, or when every gate has passed the record that carried it; the writer looks at the gates when it needs the
// memory, and every few loans, so that a writer whose readers keep up uses the same few warm blocks again.
//
// The bookkeeping is private to the writer, so there is nothing in the segment that a death could leave half-done.
// Nothing depends on how long a loan is.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/frame/loan_layout.hpp"
#include "ringfleet/frame/payload_word.hpp"
#include "ringfleet/frame/record_layout.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ringfleet::frame {

struct LoanArenaOptions {
  std::uint32_t number = 1;        // under which readers have opened it: 1 to arenas_per_side_max
  std::uint32_t loans_max = 1'024; // out at the same time; rounded up to a power of two
};

enum class LendResult : std::uint8_t {
  lent,
  full, // readers have not passed enough of what was lent, or too many loans are open
  too_large
};

struct Lent {
  std::uint64_t ticket = 0;
  std::span<std::byte> bytes;
};

// One thread of one process at a time. The segment must outlive it and be 64-byte aligned; a new one is zero.
template <class A = Atomics>
class LoanArena {
public:
  explicit LoanArena(std::span<std::byte> segment, const LoanArenaOptions& options = {})
      : lines_(*reinterpret_cast<ArenaLines*>(segment.data())),
        memory_(segment.subspan(sizeof(ArenaLines), lendable_bytes(segment.size()))), number_(options.number),
        loans_(std::bit_ceil(std::max(options.loans_max, 2U))) {
    RINGFLEET_ASSERT(!memory_.empty(), "an arena has at least two lines: its own, and one to lend");
    RINGFLEET_ASSERT(number_ >= 1 && number_ <= limits::arenas_per_side_max, "arenas are numbered from 1");
  }
  LoanArena(const LoanArena&) = delete;
  LoanArena& operator=(const LoanArena&) = delete;

  // Before the first loan. What an earlier writer of this arena had lent may still be read; it comes back when every
  // gate has passed `cursor`.
  void resume(std::uint64_t cursor) noexcept {
    const auto lent = A::load_relaxed(lines_.lent); // nobody else writes it
    if (lent == 0) {
      return;
    }
    returned_ = next_ = round_up_to_size(lent);
    next_ += memory_.size();
    push({next_, cursor, State::published});
    state_lent();
  }

  // `slowest_gate()`: below this, every reader that gates has read everything. Never waits.
  template <class SlowestGate>
  [[nodiscard]] LendResult lend(std::uint64_t bytes, Lent& lent, SlowestGate&& slowest_gate) noexcept {
    if (bytes > memory_.size()) {
      return LendResult::too_large;
    }
    const auto rounded = round_up<std::uint64_t>(std::max<std::uint64_t>(bytes, 1), cache_line_bytes);
    if (++since_look_ >= look_every) {
      take_back(slowest_gate);
    }
    auto begin = place_for(rounded);
    if (!has_room(begin, rounded)) {
      take_back(slowest_gate);
      begin = place_for(rounded);
      if (!has_room(begin, rounded)) {
        return LendResult::full;
      }
    }
    next_ = begin + rounded;
    lent.ticket = first_ticket_ + count_;
    lent.bytes = memory_.subspan(begin % memory_.size(), bytes);
    push({next_, begin, State::open});
    state_lent();
    return LendResult::lent;
  }

  // The loan is not wanted any more.
  void give_up(std::uint64_t ticket) noexcept { loan(ticket).state = State::given_up; }

  // What the record says that carries `bytes` bytes from `offset` on. Then published(), when its place is known.
  [[nodiscard]] LoanRecord record(std::uint64_t ticket, std::uint64_t offset, std::uint64_t bytes) const noexcept {
    const auto& entry = loans_[ticket & (loans_.size() - 1)];
    RINGFLEET_DEBUG_ASSERT(entry.state == State::open, "a loan is committed that is not open");
    return {payload_word(number_, sizeof(ArenaLines) + entry.position % memory_.size() + offset), bytes,
            entry.position};
  }
  // It comes back when every gate has passed `record_end`.
  void published(std::uint64_t ticket, std::uint64_t record_end) noexcept {
    auto& entry = loan(ticket);
    entry.position = record_end;
    entry.state = State::published;
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return memory_.size(); }
  // Loans that have not come back, as of the last look.
  [[nodiscard]] std::uint64_t outstanding() const noexcept { return count_; }

private:
  enum class State : std::uint8_t { open, published, given_up };
  struct Loan {
    std::uint64_t end = 0;      // in the life of the arena
    std::uint64_t position = 0; // open: where it begins in the arena; published: end of its record in the ring
    State state = State::open;
  };
  static constexpr std::uint32_t look_every = 8;

  [[nodiscard]] Loan& loan(std::uint64_t ticket) noexcept {
    RINGFLEET_DEBUG_ASSERT(ticket - first_ticket_ < count_, "a loan that has come back already");
    return loans_[ticket & (loans_.size() - 1)];
  }
  void push(const Loan& entry) noexcept { loans_[(first_ticket_ + count_++) & (loans_.size() - 1)] = entry; }

  [[nodiscard]] std::uint64_t round_up_to_size(std::uint64_t position) const noexcept {
    const auto size = std::uint64_t{memory_.size()};
    return (position + size - 1) / size * size;
  }
  // In a row, so the end of the memory may have to be left out. When nothing is lent it begins anew, in warm memory.
  [[nodiscard]] std::uint64_t place_for(std::uint64_t bytes) noexcept {
    if (count_ == 0) {
      return returned_ = round_up_to_size(next_);
    }
    const auto left = memory_.size() - next_ % memory_.size();
    return bytes > left ? next_ + left : next_;
  }
  [[nodiscard]] bool has_room(std::uint64_t begin, std::uint64_t bytes) const noexcept {
    return begin + bytes - returned_ <= memory_.size() && count_ < loans_.size();
  }
  void state_lent() noexcept {
    // Relaxed: for the next writer, which begins when this one is dead.
    A::store_relaxed(lines_.lent, next_);
  }

  // How many loans, from the oldest on, nobody reads any more.
  [[nodiscard]] std::uint64_t passed(std::uint64_t gate) const noexcept {
    std::uint64_t number = 0;
    for (; number < count_; ++number) {
      const auto& entry = loans_[(first_ticket_ + number) & (loans_.size() - 1)];
      if (entry.state == State::open || (entry.state == State::published && ring::is_before(gate, entry.position))) {
        break;
      }
    }
    return number;
  }

  template <class SlowestGate>
  void take_back(SlowestGate&& slowest_gate) noexcept {
    since_look_ = 0;
    const auto number = passed(slowest_gate());
    if (number == 0) {
      return;
    }
    // SYNC arena.floor: release, then a barrier before anything is lent again; pairs with the acquire in
    // LoanViews::is_void. A lossy reader sees the floor when it has copied a byte that was overwritten; whoever joins
    // at an older record sees it, or is seen by the second look.
    A::store_release(lines_.floor, loans_[(first_ticket_ + number - 1) & (loans_.size() - 1)].end);
    A::step("arena.floor_stated");
    A::store_load_barrier();
    const auto still = std::min(number, passed(slowest_gate()));
    if (still != 0) {
      returned_ = loans_[(first_ticket_ + still - 1) & (loans_.size() - 1)].end;
      first_ticket_ += still;
      count_ -= still;
    }
  }

  ArenaLines& lines_;
  std::span<std::byte> memory_;
  std::uint32_t number_;
  std::uint32_t since_look_ = 0;
  std::vector<Loan> loans_; // a queue in a circle, oldest first; tickets count on
  std::uint64_t first_ticket_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;     // position that is lent next, before alignment to the circle
  std::uint64_t returned_ = 0; // everything below it has come back
};

} // namespace ringfleet::frame
