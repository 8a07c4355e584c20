#pragma once

// What anybody can learn about the claims of a ring with many producers, and how a claim that its owner cannot finish
// is finished by somebody else. Nothing here waits, and all of it may run in several processes at once.
//
// Every claim below the latest one has its descriptor; the latest one stands in the tail word. So whoever walks from
// `finished` to the tail knows owner, extent and fate of everything:
//
//   finished                                              tail word: begin, length, owner
//      v                                                    v
//      | committed 3 | claimed 1 | aborted 2 | committed 1  | (descriptor may be missing)  |
//
// A position whose cell belongs to another lap is inside a claim, or has been overwritten since: no unfinished claim
// begins there.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/shared_layout.hpp"

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::ring {

// All but the slots. Readers only write `joins` and their own line.
struct SharedRingLines {
  SharedLines* shared = nullptr;
  OwnerTable* owners = nullptr;
  std::span<std::uint64_t> descriptors; // as many as slots, a power of two
  std::span<std::uint64_t> evicted;     // the producers'; a mark for each reader line
  Sequence* joins = nullptr;            // written by every newcomer
  std::span<ReaderLines> readers;       // at most reader_lines_max

  [[nodiscard]] std::uint64_t capacity() const noexcept { return descriptors.size(); }
  [[nodiscard]] std::uint64_t lap(std::uint64_t position) const noexcept {
    return position >> std::countr_zero(descriptors.size());
  }
  [[nodiscard]] std::uint64_t& descriptor(std::uint64_t position) const noexcept {
    return descriptors[position & (descriptors.size() - 1)];
  }
};

// A word that only grows, written by many. Case list:
// 1. it is at or past `value`: somebody else was further; done.
// 2. it is behind: exchange. That fails when somebody raised it: decide again. Each round it has grown.
template <class A = Atomics>
void raise_to(std::uint64_t& word, std::uint64_t value) noexcept {
  auto current = A::load_acquire(word);
  while (is_before(current, value) && !A::compare_exchange(word, current, value)) {
  }
}

// The claim that begins at `position`; fate `none` when no descriptor says so.
template <class A = Atomics>
[[nodiscard]] Claim look_at(const SharedRingLines& lines, std::uint64_t position) noexcept {
  // SYNC shared.descriptor: acquire; pairs with the release in SharedSequencer::commit. Receives: the slots.
  const auto descriptor = A::load_acquire(lines.descriptor(position));
  auto claim = claim_of_descriptor(descriptor, position, lines.lap(position));
  if (claim.length == 0 || claim.length > lines.capacity()) [[unlikely]] {
    claim.fate = Fate::none; // never written by us; no walk may stand still or run away
  }
  return claim;
}

// The latest claim. Its word is unchanged while `granted` is read, so its position is whole.
template <class A = Atomics>
[[nodiscard]] Claim latest_claim(const SharedRingLines& lines) noexcept {
  // SYNC shared.tail: acquire; pairs with the release in SharedSequencer::try_claim. Receives: every descriptor below.
  auto word = A::load_acquire(lines.shared->tail);
  for (;;) {
    const auto claim = claim_of_tail(word, A::load_acquire(lines.shared->granted));
    const auto again = A::load_acquire(lines.shared->tail);
    if (again == word) {
      return claim;
    }
    word = again;
  }
}

// Producers only: sees to it that the latest claim has its descriptor. False when it is not the latest any more; then
// somebody else has seen to it. Case list of the exchange:
// 1. it succeeds: the cell held an older lap, because the tail had not moved on after it was read.
// 2. it fails: the owner has committed, or another helper was first. A cell never goes back, so a helper that was
//    stopped here does no harm at any later time.
template <class A = Atomics>
[[nodiscard]] bool describe(const SharedRingLines& lines, const Claim& latest) noexcept {
  if (latest.length == 0) {
    return true; // nobody has claimed yet
  }
  auto& cell = lines.descriptor(latest.begin);
  const auto lap = lines.lap(latest.begin);
  auto seen = A::load_acquire(cell);
  if (claim_of_descriptor(seen, latest.begin, lap).fate != Fate::none) {
    return true;
  }
  A::step("shared.helping");
  if (A::load_acquire(lines.shared->tail) != tail_word(latest)) {
    return false;
  }
  // SYNC shared.descriptor: exchange, release; pairs with the acquire in look_at.
  (void)A::compare_exchange(cell, seen, descriptor_of(latest, lap));
  A::step("shared.helped");
  return true;
}

// The first claim at or behind `position` and below the end of `latest`; of length 0 at that end when there is none.
template <class A = Atomics>
[[nodiscard]] Claim next_claim(const SharedRingLines& lines, std::uint64_t position, const Claim& latest) noexcept {
  for (; is_before(position, latest.begin); ++position) {
    if (const auto claim = look_at<A>(lines, position); claim.fate != Fate::none) {
      return claim;
    }
  }
  if (position == latest.begin && latest.length != 0) {
    const auto claim = look_at<A>(lines, position);
    return claim.fate != Fate::none ? claim : latest;
  }
  return {.begin = latest.end()};
}

// Where a walk begins: everything before it is finished. `latest` was read after `finished`. Whatever the words say, it
// is within a lap before the end of `latest`, so a walk is never longer.
[[nodiscard]] constexpr std::uint64_t walk_begin(std::uint64_t finished, const Claim& latest,
                                                 std::uint64_t capacity) noexcept {
  const auto lap_ago = latest.end() - capacity;
  if (is_before(finished, lap_ago)) {
    return lap_ago;
  }
  return is_before(latest.end(), finished) ? latest.end() : finished;
}

// The first position that a claim holds which is not finished, or that nobody has claimed; from `enough` on it is not
// looked for. May be answered too low when the ring moves on meanwhile.
template <class A = Atomics>
[[nodiscard]] std::uint64_t first_unfinished(const SharedRingLines& lines,
                                             std::optional<std::uint64_t> enough = {}) noexcept {
  const auto finished = A::load_acquire(lines.shared->finished);
  const auto latest = latest_claim<A>(lines);
  const auto end = enough && is_before(*enough, latest.end()) ? *enough : latest.end();
  auto position = walk_begin(finished, latest, lines.capacity());
  while (is_before(position, end)) {
    const auto claim = next_claim<A>(lines, position, latest);
    if (claim.fate == Fate::claimed) {
      return claim.begin;
    }
    position = claim.end();
  }
  return position;
}

// Where the oldest claim begins of which nothing can be overwritten while the limit stands still. The limit before the
// tail: it never lets anybody write over a claim that is later than the tail which was seen by whoever stated it. Never
// more than a lap behind the latest claim, unless somebody made the words up.
template <class A = Atomics>
[[nodiscard]] std::uint64_t oldest_claim(const SharedRingLines& lines) noexcept {
  const auto safe = A::load_acquire(lines.shared->limit) - lines.capacity();
  const auto latest = latest_claim<A>(lines);
  return next_claim<A>(lines, walk_begin(safe, latest, lines.capacity()), latest).begin;
}

// Where the claim begins that holds `position`, or an earlier one that is not finished; looked for from `oldest` on,
// where a claim begins. When the ring moves on meanwhile, it may be a later one.
template <class A = Atomics>
[[nodiscard]] std::uint64_t claim_holding(const SharedRingLines& lines, std::uint64_t position,
                                          std::uint64_t oldest) noexcept {
  const auto latest = latest_claim<A>(lines);
  auto begin = walk_begin(oldest, latest, lines.capacity());
  while (is_before(begin, position)) {
    const auto claim = next_claim<A>(lines, begin, latest);
    if (claim.length == 0 || claim.fate == Fate::claimed || is_before(position, claim.end())) {
      return claim.begin;
    }
    begin = claim.end();
  }
  return begin;
}

// Producers only, with proof that every process which ever had `identity` under this number is dead, or as the new
// holder before the first claim: aborts what that owner had claimed and not finished. Returns how many claims that
// were; then ring the bell. Any number of survivors may do this at once, and again.
//
// The identity is read after the tail: what a later holder of the number claims lies beyond this tail. So nothing of
// it is ever aborted here, however late this goes on.
template <class A = Atomics>
std::uint64_t repair(const SharedRingLines& lines, std::uint32_t owner, std::uint64_t identity) noexcept {
  const auto finished = A::load_acquire(lines.shared->finished);
  const auto latest = latest_claim<A>(lines);
  A::step("shared.repairing");
  // SYNC shared.owner: acquire; pairs with the exchange, release, in take_owner.
  if (A::load_acquire(lines.owners->identity[owner]) != identity) {
    return 0;
  }
  (void)describe<A>(lines, latest);
  std::uint64_t aborted = 0;
  auto position = walk_begin(finished, latest, lines.capacity());
  while (is_before(position, latest.end())) {
    auto claim = next_claim<A>(lines, position, latest);
    position = claim.end();
    if (claim.owner == owner && claim.fate == Fate::claimed) {
      const auto lap = lines.lap(claim.begin);
      auto expected = descriptor_of(claim, lap);
      claim.fate = Fate::aborted;
      // SYNC shared.descriptor: exchange, release; pairs with the acquire in look_at. It fails when another survivor
      // was first.
      aborted += A::compare_exchange(lines.descriptor(claim.begin), expected, descriptor_of(claim, lap));
      A::step("shared.repaired");
    }
  }
  return aborted;
}

} // namespace ringfleet::ring
