#pragma once

// Whether the pids of a member table mean something to this process, and making them so.

#include "ringfleet/ring/detail/ring_shape.hpp"
#include "ringfleet/ring/owner_line.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace ringfleet::ring::detail {

struct Scope {
  std::array<std::uint64_t, 2> boot_id = {};
  std::uint64_t pid_namespace = 0;

  friend bool operator==(const Scope&, const Scope&) = default;
};

[[nodiscard]] Scope own_scope();
// This process as the owner of a ring.
[[nodiscard]] Owner own_owner(std::uint64_t generation);
[[nodiscard]] Scope scope_of(const PidScope& shared) noexcept;

// Throws Error(wrong_state) naming the difference.
void require_same_scope(const Scope& found, std::string_view label);

// The owner, before it says that it is one. A table of an earlier boot: its members are dead, their positions are kept.
// A table of another PID namespace: taken over when no line is held, else Error(wrong_state).
void take_over_scope(MemberParts& members, std::string_view label);

} // namespace ringfleet::ring::detail
