#pragma once

// How lines of the member table change hands, while anybody may die at any point.
//
//            claim                    write id, publish
//    free ----------> claiming --------------------------> joined --leave--> free
//     ^                  | dead: free                         | dead, proven by whoever acts
//     |                  v                                    v
//     +------------------+                                vacating --> kept (with an id), else free
//                                                             | actor dead: begin again
//    kept --claim by the same id--> reclaiming --> joined     v
//                                       | dead: vacating  (idempotent)
//
// Every step begins with a compare-exchange that writes the actor's mark into the word. A line whose actor is dead is
// taken on by whoever has proof of that; `is_dead(ActorMark)` is that proof, never a time. A line whose actor is alive
// is left to it. Memory and clock are parameters; there is no wait in here. A line that changes under each of a few
// tries is in the hands of somebody who writes nonsense: it is left alone, as if its actor lived.
//
// A place that is kept has a grace, whoever it is that proves the death: a newcomer that needs a line gives a dead
// member's away no earlier than the owner of the ring would.
//
// One id, two lines: a claimer shows its id while it is still claiming, passes a barrier, and looks for the same id on
// other lines. Of two that do so at once at least one sees the other and gives its line back. Whoever has given up
// looks again (`busy`), unless the other one has joined (`id_in_use`).

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/member_word.hpp"
#include "ringfleet/ring/ring_layout.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace ringfleet::ring {

using MemberId = std::array<std::uint64_t, member_id_bytes / 8>;

// `text`: at most member_id_bytes - 1 bytes.
[[nodiscard]] inline MemberId pack_member_id(std::string_view text) noexcept {
  MemberId id{};
  std::memcpy(id.data(), text.data(), text.size() < member_id_bytes ? text.size() : member_id_bytes - 1);
  return id;
}
[[nodiscard]] inline bool is_empty(const MemberId& id) noexcept {
  return id == MemberId{};
}

enum class ClaimOutcome : std::uint8_t {
  claimed,
  resumed,   // a kept line of the same id: its position is in kept_position
  id_in_use, // by `holder`, which is alive
  full,      // every line is taken by somebody alive, or kept
  busy       // `holder`, which is alive, is in the middle of a step: look again
};

struct ClaimTimes {
  MonotonicNs now = 0;
  MonotonicNs kept_until = 0; // for members whose death comes to light during the claim
};
// Until when the place of a member is kept whose death comes to light now. `grace_ns`: the word of the table, which any
// member may have written: what is no time is none.
[[nodiscard]] inline MonotonicNs end_of_grace(MonotonicNs now, const std::uint64_t& grace_ns) noexcept {
  return deadline_after(now, Nanoseconds(static_cast<std::int64_t>(Atomics::load_relaxed(grace_ns))));
}

struct MemberClaim {
  ClaimOutcome outcome = ClaimOutcome::full;
  std::uint32_t line = 0;
  MemberWord word = {};                    // as it stands in the line when claimed
  std::uint64_t kept_position = no_reader; // `no_reader`: none
  ActorMark holder = {};
};

template <class A = Atomics>
class MemberProtocol {
public:
  MemberProtocol(std::span<MemberLine> lines, std::span<ReaderLines> readers, ActorMark self) noexcept
      : lines_(lines), readers_(readers), self_(self) {}

  [[nodiscard]] MemberWord look(std::size_t line) const noexcept {
    // SYNC member.line: acquire; pairs with the release in publish. Receives: what the line says about its member.
    return MemberWord::unpack(A::load_acquire(lines_[line].word));
  }

  // Takes a line for `id` (empty: for a stranger). After `claimed` and `resumed` the line is in state claiming or
  // reclaiming: fill in the rest, then join(). A kept line is taken when no other is free and its time is over.
  template <class IsDead>
  [[nodiscard]] MemberClaim claim(const MemberId& id, const ClaimTimes& times, IsDead&& is_dead) noexcept {
    if (!is_empty(id)) {
      for (std::size_t i = 0; i < lines_.size(); ++i) {
        if (const auto found = claim_same_id(i, id, times.kept_until, is_dead); found.outcome != ClaimOutcome::full) {
          return found;
        }
      }
    }
    // First what is free, then what is kept for nobody any more.
    for (const bool take_kept : {false, true}) {
      for (std::size_t i = 0; i < lines_.size(); ++i) {
        const auto word = settle(i, times.kept_until, is_dead);
        const bool is_spare = word.state == MemberState::free || (take_kept && word.state == MemberState::kept &&
                                                                  A::load_acquire(lines_[i].kept_until) <= times.now);
        if (is_spare) {
          const auto taken = MemberWord{MemberState::claiming, self_, word.incarnation + 1};
          if (exchange(i, word, taken)) {
            A::step("member.claimed");
            return confirm_id(i, taken, id, times.kept_until, is_dead);
          }
        }
      }
    }
    return {};
  }

  // The last step of a claim: from here on the member is one.
  [[nodiscard]] MemberWord join(const MemberClaim& claim) noexcept {
    A::step("member.filled");
    const auto joined = claim.word.with(MemberState::joined);
    publish(claim.line, joined);
    A::step("member.joined");
    return joined;
  }
  // Its member only, after it has left its gate. `keep`: its id and position wait for it until `kept_until`.
  void leave(std::size_t line, const MemberWord& word, bool keep, std::uint64_t kept_until) noexcept {
    A::store_release(lines_[line].kept_until, kept_until);
    publish(line, word.with(keep ? MemberState::kept : MemberState::free));
  }

  // Takes on what a dead actor left, and says what the line is afterwards. A dead member's gate is taken away; what it
  // was is kept until `kept_until`. A line whose actor lives is as it was, and so is one that does not come to rest.
  template <class IsDead>
  MemberWord settle(std::size_t line, std::uint64_t kept_until, IsDead&& is_dead) noexcept {
    auto word = look(line);
    for (int tries = 0; tries < tries_max && word.has_actor() && is_dead(word.actor); ++tries) {
      switch (word.state) {
      case MemberState::claiming: // the id may be half there
        (void)exchange(line, word, word.with(MemberState::free));
        break;
      default: { // a reclaiming one as well: its id has a grace anew
        const auto vacating = word.with(MemberState::vacating, self_);
        if (exchange(line, word, vacating)) {
          A::step("member.vacating");
          finish_vacating(line, vacating, kept_until);
        }
      }
      }
      word = look(line);
    }
    return word;
  }

  [[nodiscard]] std::span<MemberLine> lines() const noexcept { return lines_; }
  [[nodiscard]] std::span<ReaderLines> readers() const noexcept { return readers_; }
  [[nodiscard]] ActorMark self() const noexcept { return self_; }

  [[nodiscard]] MemberId id_of(std::size_t line) const noexcept {
    MemberId id;
    for (std::size_t i = 0; i < id.size(); ++i) {
      // SYNC member.id: acquire; pairs with the release in write_id.
      id[i] = A::load_acquire(lines_[line].id[i]);
    }
    return id;
  }

private:
  static constexpr int tries_max = 4; // each fails because the line has changed hands meanwhile

  // Failure of the exchange: the line has changed hands, and whoever has it goes on.
  [[nodiscard]] bool exchange(std::size_t line, const MemberWord& from, const MemberWord& to) noexcept {
    auto expected = from.pack();
    return A::compare_exchange(lines_[line].word, expected, to.pack());
  }
  void publish(std::size_t line, const MemberWord& word) noexcept {
    // SYNC member.line: release; pairs with the acquire in look. Publishes: what the line says about its member.
    A::store_release(lines_[line].word, word.pack());
  }

  // Every step may have been done by a predecessor that died: the position is saved before the gate is gone, and a gate
  // that is gone already has been saved.
  void finish_vacating(std::size_t line, const MemberWord& vacating, std::uint64_t kept_until) noexcept {
    auto& mine = lines_[line];
    const auto gate = readers_[line].gate.template observe<A>();
    if (is_gating(gate) ? has_moved(line, gate) : gate != no_reader) {
      A::store_release(mine.kept_position, gate);
    }
    A::step("member.position_kept");
    A::store_release(readers_[line].began, std::uint64_t{0});
    readers_[line].gate.template publish<A>(no_reader);
    A::step("member.gate_gone");
    A::store_release(mine.kept_until, kept_until);
    publish(line, vacating.with(is_empty(id_of(line)) ? MemberState::free : MemberState::kept));
  }

  // Who died while coming in, or before it had released anything, goes on where it was to go on: what had been
  // overwritten by then it may not have been told.
  [[nodiscard]] bool has_moved(std::size_t line, std::uint64_t gate) const noexcept {
    // SYNC ring.began: acquire; pairs with the release in Gate::begun. Its reader is dead, so the word is at rest.
    const auto began = A::load_acquire(readers_[line].began);
    return began != 0 && (gate != began - 1 || A::load_acquire(lines_[line].kept_position) == no_reader);
  }

  template <class IsDead>
  [[nodiscard]] MemberClaim claim_same_id(std::size_t line, const MemberId& id, std::uint64_t kept_until,
                                          IsDead&& is_dead) noexcept {
    MemberClaim refused{.outcome = ClaimOutcome::busy};
    for (int tries = 0; tries < tries_max; ++tries) {
      const auto word = settle(line, kept_until, is_dead);
      if (word.state == MemberState::free || id_of(line) != id) {
        return {};
      }
      refused.holder = word.actor;
      if (word.state == MemberState::kept) {
        const auto taken = MemberWord{MemberState::reclaiming, self_, word.incarnation + 1};
        if (!exchange(line, word, taken)) {
          continue;
        }
        A::step("member.reclaimed");
        return {.outcome = ClaimOutcome::resumed,
                .line = static_cast<std::uint32_t>(line),
                .word = taken,
                .kept_position = A::load_acquire(lines_[line].kept_position),
                .holder = {}};
      }
      if (look(line) == word) {
        refused.outcome = word.state == MemberState::joined ? ClaimOutcome::id_in_use : ClaimOutcome::busy;
        return refused;
      }
    }
    return refused;
  }

  // The claimed line shows its id; then nobody else may have it.
  template <class IsDead>
  [[nodiscard]] MemberClaim confirm_id(std::size_t line, const MemberWord& taken, const MemberId& id,
                                       std::uint64_t kept_until, IsDead&& is_dead) noexcept {
    auto& mine = lines_[line];
    for (std::size_t i = 0; i < id.size(); ++i) {
      // SYNC member.id: release, then a barrier; pairs with the acquire in id_of, behind the barrier of another
      // claimer.
      A::store_release(mine.id[i], id[i]);
    }
    A::store_release(mine.kept_position, no_reader);
    A::step("member.id_shown");
    A::store_load_barrier();
    MemberClaim result{.outcome = ClaimOutcome::claimed,
                       .line = static_cast<std::uint32_t>(line),
                       .word = taken,
                       .kept_position = no_reader,
                       .holder = {}};
    for (std::size_t i = 0; i < lines_.size() && !is_empty(id); ++i) {
      const auto other = i == line ? MemberWord{} : settle(i, kept_until, is_dead);
      if (other.state == MemberState::free || id_of(i) != id) {
        continue;
      }
      result.outcome = other.state == MemberState::joined ? ClaimOutcome::id_in_use : ClaimOutcome::busy;
      result.holder = other.actor;
      break;
    }
    if (result.outcome != ClaimOutcome::claimed) {
      publish(line, taken.with(MemberState::free));
    }
    return result;
  }

  std::span<MemberLine> lines_;
  std::span<ReaderLines> readers_;
  ActorMark self_;
};

} // namespace ringfleet::ring
