#pragma once

// The word of a member line, taken apart; see member_layout.hpp.

#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/member_layout.hpp"

#include <cstdint>

namespace ringfleet::ring {

// A process as far as a word can name it.
struct ActorMark {
  std::uint32_t pid = 0;
  std::uint32_t start = 0; // the low bits of its start time

  [[nodiscard]] static constexpr ActorMark of(const os::ProcessIdentity& process) noexcept {
    return {static_cast<std::uint32_t>(process.pid),
            static_cast<std::uint32_t>(process.start_time_ticks & ((1U << member_start_bits) - 1))};
  }
  friend bool operator==(const ActorMark&, const ActorMark&) = default;
};

struct MemberWord {
  MemberState state = MemberState::free;
  ActorMark actor = {};
  std::uint32_t incarnation = 0;

  [[nodiscard]] static constexpr MemberWord unpack(std::uint64_t word) noexcept {
    const auto take = [&word](unsigned bits) {
      const auto part = static_cast<std::uint32_t>(word & ((std::uint64_t{1} << bits) - 1));
      word >>= bits;
      return part;
    };
    MemberWord result;
    result.state = static_cast<MemberState>(take(member_state_bits));
    result.actor.pid = take(member_pid_bits);
    result.actor.start = take(member_start_bits);
    result.incarnation = take(member_incarnation_bits);
    return result;
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    constexpr std::uint32_t wrap = (1U << member_incarnation_bits) - 1;
    std::uint64_t word = incarnation & wrap;
    word = word << member_start_bits | actor.start;
    word = word << member_pid_bits | actor.pid;
    return word << member_state_bits | static_cast<std::uint32_t>(state);
  }
  [[nodiscard]] constexpr MemberWord with(MemberState next) const noexcept { return {next, actor, incarnation}; }
  [[nodiscard]] constexpr MemberWord with(MemberState next, ActorMark by) const noexcept {
    return {next, by, incarnation};
  }
  // A line in one of these states is in somebody's hands, or holds somebody who must be alive.
  [[nodiscard]] constexpr bool has_actor() const noexcept {
    return state != MemberState::free && state != MemberState::kept;
  }

  friend bool operator==(const MemberWord&, const MemberWord&) = default;
};

} // namespace ringfleet::ring
