#pragma once

// Where the claims of one of many producers may end, and who is in the way of one that may not.
//
// Claims go up to `granted`, a word that all producers share. Whoever needs more looks at the gates and for the first
// unfinished claim, and then, as with one producer (sequencer.hpp): states the limit, barrier, looks whether anybody
// joined, and only then grants. No honest gate is ahead of an unfinished claim; but a gate is its reader's word, and a
// reader that writes nonsense there is not to make one producer write over another one's claim.

#include "ringfleet/ring/active_lines.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/sequencer.hpp"
#include "ringfleet/ring/shared_claims.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::ring {

// What keeps a claim from succeeding: a reader, or when none does an unfinished claim.
struct Blocker {
  std::optional<std::size_t> line;
  std::uint64_t incarnation = 0; // of the reader on that line
  std::uint64_t position = 0;    // the gate that is needed, or where the unfinished claim begins
};

// One thread at a time. The lines must outlive it.
template <class A = Atomics>
class SharedRoom {
public:
  explicit SharedRoom(const SharedRingLines& lines) noexcept
      : lines_(lines), capacity_(lines.capacity()), step_(std::max<std::uint64_t>(1, lines.capacity() / 8)) {}

  // Claims may end here, as last seen; look() sees more when another producer has got more.
  [[nodiscard]] std::uint64_t granted() const noexcept { return granted_; }
  void look() noexcept {
    // SYNC shared.granted: acquire; pairs with the release in extend. Receives: that the slots are not used any more.
    granted_ = A::load_acquire(lines_.shared->granted);
  }
  // Gets room for `count` positions from `end` on, the end of the latest claim, and some more. False: it is in use.
  [[gnu::noinline]] bool extend(std::uint64_t end, std::uint64_t count) noexcept {
    const auto needed = end + count;
    refresh();
    A::step("shared.looking_at_gates");
    const auto gate = least_gate(end);
    const auto free_from = earlier(gate, first_unfinished<A>(lines_, gate));
    if (is_before(free_from + capacity_, needed)) {
      return false;
    }
    const auto wanted = earlier(free_from + capacity_, later(needed, end + step_));
    // SYNC ring.limit: release, then a barrier before anything is written below it; for newcomers as ring.join.
    raise_to<A>(lines_.shared->limit, wanted);
    A::step("shared.limit_stated");
    // SYNC ring.join: barrier between the limit and the joins; pairs with the barrier in SharedReaderSequencer::enter.
    A::store_load_barrier();
    auto allowed = wanted;
    if (active_.is_stale(*lines_.joins)) {
      refresh();
      allowed = earlier(allowed, least_gate(end) + capacity_);
    }
    raise_to<A>(lines_.shared->finished, free_from);
    // SYNC shared.granted: exchange, release; pairs with the acquire in look. Publishes: that whoever used the slots up
    // to here has finished with them.
    raise_to<A>(lines_.shared->granted, allowed);
    A::step("shared.granted");
    return !is_before(allowed, needed);
  }

  // Lines that are taken, those of whoever has just joined among them.
  [[nodiscard]] std::span<const std::uint8_t> readers() noexcept {
    refresh();
    return active_.lines();
  }

  // Who has to go on before everything below `needed` is free. Empty when there may be room by now.
  [[nodiscard]] std::optional<Blocker> blocker(std::uint64_t needed) noexcept {
    std::optional<Blocker> slowest;
    for (const auto line : readers()) {
      const auto incarnation = A::load_acquire(lines_.readers[line].incarnation);
      const auto gate = gate_of(line);
      if (gate != no_reader && is_before(gate, needed)) {
        slowest = {.line = line, .incarnation = incarnation, .position = needed};
      }
    }
    if (!slowest) {
      const auto position = first_unfinished<A>(lines_, needed);
      if (is_before(position, needed)) {
        return Blocker{.line = {}, .position = position};
      }
    }
    return slowest;
  }
  // A reader that has not released everything below `position`; empty when there is none.
  [[nodiscard]] std::optional<Blocker> reader_behind(std::uint64_t position) noexcept {
    for (const auto line : readers()) {
      const auto incarnation = A::load_acquire(lines_.readers[line].incarnation);
      const auto gate = gate_of(line);
      if (gate != no_reader && is_before(gate, position)) {
        return Blocker{.line = line, .incarnation = incarnation, .position = position};
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] bool is_blocking(const Blocker& blocker) const noexcept {
    if (!blocker.line) {
      // No walk: by now the latest claim may be any number of laps ahead. The latest one may not be described yet.
      const auto latest = latest_claim<A>(lines_);
      const auto fate = look_at<A>(lines_, blocker.position).fate;
      return fate == Fate::claimed || (fate == Fate::none && latest.begin == blocker.position && latest.length != 0);
    }
    const auto gate = gate_of(*blocker.line);
    return gate != no_reader && is_before(gate, blocker.position) &&
           A::load_acquire(lines_.readers[*blocker.line].incarnation) == blocker.incarnation;
  }

  [[nodiscard]] const SharedRingLines& lines() const noexcept { return lines_; }

private:
  // `no_reader` when the line holds nothing back.
  [[nodiscard]] std::uint64_t gate_of(std::size_t line) const noexcept {
    const auto& reader = lines_.readers[line];
    const auto gate = reader.gate.template observe<A>();
    return is_gating(gate) && !is_evicted<A>(lines_.evicted[line], reader) ? gate : no_reader;
  }
  // Of readers that hold something back, not beyond `end`, which is where nobody does.
  [[nodiscard]] std::uint64_t least_gate(std::uint64_t end) const noexcept {
    SlowestGate slowest(end, capacity_);
    for (const auto line : active_.lines()) {
      if (const auto gate = gate_of(line); gate != no_reader) {
        slowest.add(gate);
      }
    }
    return slowest.position();
  }
  void refresh() noexcept {
    if (active_.is_stale(*lines_.joins)) [[unlikely]] {
      active_.refresh(*lines_.joins, lines_.readers, [](std::size_t) { return true; });
    }
  }

  [[nodiscard]] static std::uint64_t earlier(std::uint64_t a, std::uint64_t b) noexcept {
    return is_before(a, b) ? a : b;
  }
  [[nodiscard]] static std::uint64_t later(std::uint64_t a, std::uint64_t b) noexcept {
    return is_before(a, b) ? b : a;
  }

  SharedRingLines lines_;
  std::uint64_t capacity_;
  std::uint64_t granted_ = 0;
  std::uint64_t step_;
  ActiveLines<A> active_;
};

} // namespace ringfleet::ring
