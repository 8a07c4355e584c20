#pragma once

// A world of the explorer: processes that claim lines of one member table, by id, while the owner of the ring clears
// what the dead have left. Afterwards every line is accounted for: no two living members have one line or one id, a
// living member's gate is where it put it, and a dead member's line and position wait for its id, whoever needs a line.

#include "explored_atomics.hpp"
#include "ringfleet/ring/member_protocol.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringfleet::explore {

struct MemberShape {
  std::vector<std::string> claimers = {"a", "a"}; // the id of each; empty: a stranger
  std::size_t lines = 2;
  bool leaves_dead = false; // line 0 is held by a member "a" that died at position 5
  unsigned owners = 0;      // processes that settle every line, as the ring's owner does when somebody dies
  bool leaves = false;      // a claimer that has joined leaves again, and keeps its position
};

class MemberWorld {
public:
  using E = ExploredAtomics;
  static constexpr std::uint64_t dead_position = 5;
  static constexpr ring::ClaimTimes times{.now = 1, .kept_until = 2};

  explicit MemberWorld(const MemberShape& shape)
      : shape_(shape), lines_(shape.lines), readers_(shape.lines), joined_(shape.claimers.size()) {
    for (auto& reader : readers_) {
      reader.gate.value = ring::no_reader;
    }
    if (shape.leaves_dead) {
      const auto id = ring::pack_member_id("a");
      std::copy(id.begin(), id.end(), lines_[0].id);
      lines_[0].word = ring::MemberWord{ring::MemberState::joined, {1, 0}, 7}.pack();
      lines_[0].kept_position = ring::no_reader;
      readers_[0].gate.value = dead_position;
      readers_[0].began = dead_position + 1;
    }
  }

  unsigned processes() const { return static_cast<unsigned>(shape_.claimers.size()) + shape_.owners; }
  bool is_mortal(unsigned) const { return true; }
  void run(unsigned process) {
    auto protocol = protocol_of(process);
    if (process >= shape_.claimers.size()) {
      for (std::size_t line = 0; line < lines_.size(); ++line) {
        (void)protocol.settle(line, times.kept_until, is_gone);
      }
      return;
    }
    claim_and_join(protocol, process);
  }

  std::string verdict(const Outcome& outcome) {
    outcome_ = outcome;
    for (unsigned process = 0; process < processes(); ++process) {
      if (outcome.is_stuck(process)) {
        return "process " + std::to_string(process) + " is stuck";
      }
    }
    if (auto wrong = check_living(); !wrong.empty()) {
      return wrong;
    }
    ring::MemberProtocol<E> survivor(lines_, readers_, {99, 0});
    const auto is_dead = [&](ring::ActorMark actor) { return is_dead_afterwards(actor); };
    for (std::size_t line = 0; line < lines_.size(); ++line) {
      const auto word = survivor.settle(line, times.kept_until, is_dead);
      const bool is_held = word.state == ring::MemberState::joined;
      if (!is_held && word.state != ring::MemberState::free && word.state != ring::MemberState::kept) {
        return "line " + std::to_string(line) + " stays in state " + std::to_string(static_cast<int>(word.state));
      }
      if (!is_held && readers_[line].gate.value != ring::no_reader) {
        return "line " + std::to_string(line) + " has a gate and no member";
      }
    }
    return check_return(survivor, is_dead);
  }

private:
  struct Joined {
    std::uint32_t line;
    std::uint64_t gate;
    bool has_left;
  };

  static ring::ActorMark mark_of(unsigned process) { return {10 + process, 0}; }
  static bool is_gone(ring::ActorMark actor) { return actor.pid == 1 || explore::is_dead(actor.pid - 10); }
  bool is_dead_afterwards(ring::ActorMark actor) const {
    return actor.pid == 1 || (actor.pid != 99 && outcome_.is_dead(actor.pid - 10));
  }
  ring::MemberProtocol<E> protocol_of(unsigned process) { return {lines_, readers_, mark_of(process)}; }

  void claim_and_join(ring::MemberProtocol<E>& protocol, unsigned process) {
    const auto id = ring::pack_member_id(shape_.claimers[process]);
    for (;;) {
      const auto seen = changes();
      const auto claim = protocol.claim(id, times, is_gone);
      if (claim.outcome == ring::ClaimOutcome::busy) {
        wait_beyond(seen);
        continue;
      }
      if (claim.outcome != ring::ClaimOutcome::claimed && claim.outcome != ring::ClaimOutcome::resumed) {
        return;
      }
      if (claim.kept_position != ring::no_reader) {
        resumed_at_ = claim.kept_position;
      }
      const auto word = protocol.join(claim);
      const auto gate = 100 + process;
      readers_[claim.line].gate.publish<E>(gate);
      E::store_release(readers_[claim.line].began, std::uint64_t{gate + 1});
      joined_[process] = {claim.line, gate, false};
      if (shape_.leaves) {
        E::store_release(lines_[claim.line].kept_position, std::uint64_t{gate});
        E::store_release(readers_[claim.line].began, std::uint64_t{0});
        readers_[claim.line].gate.publish<E>(ring::no_reader);
        joined_[process]->has_left = true;
        protocol.leave(claim.line, word, !ring::is_empty(id), times.kept_until);
      }
      return;
    }
  }

  std::string check_living() const {
    for (std::size_t one = 0; one < joined_.size(); ++one) {
      if (!joined_[one] || joined_[one]->has_left || outcome_.is_dead(static_cast<unsigned>(one))) {
        continue;
      }
      const auto& mine = *joined_[one];
      const auto word = ring::MemberWord::unpack(lines_[mine.line].word);
      if (word.state != ring::MemberState::joined || !(word.actor == mark_of(static_cast<unsigned>(one)))) {
        return "a living member has lost its line";
      }
      if (readers_[mine.line].gate.value != mine.gate) {
        return "a living member has lost its gate";
      }
      for (std::size_t other = 0; other < one; ++other) {
        if (joined_[other] && !joined_[other]->has_left && !outcome_.is_dead(static_cast<unsigned>(other)) &&
            shape_.claimers[other] == shape_.claimers[one] && !shape_.claimers[one].empty()) {
          return "two living members have one id";
        }
      }
    }
    if (resumed_at_ && shape_.leaves_dead && *resumed_at_ != dead_position && *resumed_at_ < 100) {
      return "a member resumed at " + std::to_string(*resumed_at_);
    }
    return {};
  }

  // "a" was there: it comes back where it was, unless it is there.
  template <class IsDead>
  std::string check_return(ring::MemberProtocol<E>& survivor, IsDead&& is_dead) {
    if (!shape_.leaves_dead) {
      return {};
    }
    const auto claim = survivor.claim(ring::pack_member_id("a"), times, is_dead);
    if (claim.outcome == ring::ClaimOutcome::id_in_use) {
      return {};
    }
    if (claim.outcome != ring::ClaimOutcome::resumed) {
      return "the id has lost its line";
    }
    // Where it died first, or where a successor that joined was.
    if (claim.kept_position != dead_position && (claim.kept_position < 100 || claim.kept_position == ring::no_reader)) {
      return "the id has lost its position";
    }
    return {};
  }

  MemberShape shape_;
  std::vector<ring::MemberLine> lines_;
  std::vector<ring::ReaderLines> readers_;
  std::vector<std::optional<Joined>> joined_;
  std::optional<std::uint64_t> resumed_at_;
  Outcome outcome_;
};

} // namespace ringfleet::explore
