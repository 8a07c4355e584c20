#include "ringfleet/ring/membership.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/ring/detail/pid_scope.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/wait_ladder.hpp"

#include <utility>

#include <fmt/format.h>

namespace ringfleet::ring {
namespace {

// Lines that wait for their ids to come back.
std::size_t count_kept(const MemberTable& table) {
  const MemberProtocol<> protocol(table.lines, table.readers, {});
  std::size_t kept = 0;
  for (std::size_t line = 0; line < table.lines.size(); ++line) {
    kept += protocol.look(line).state == MemberState::kept ? 1 : 0;
  }
  return kept;
}

Error refusal(const RingSpace& space, const MemberRequest& request, const MemberClaim& claim) {
  const auto what = request.id.empty() ? fmt::format("join {}", space.place().text())
                                       : fmt::format("join {} as '{}'", space.place().text(), request.id);
  switch (claim.outcome) {
  case ClaimOutcome::id_in_use:
    return Error(ErrorCode::already_exists,
                 fmt::format("{}: process {} is there under this id", what, claim.holder.pid),
                 "end it, or take another id");
  case ClaimOutcome::full:
    return Error(ErrorCode::limit_reached,
                 fmt::format("{}: all {} lines are held, {} of them for members that may come back", what,
                             space.facts().members, count_kept(space.members())),
                 "create the ring with more members, or try again when their grace is over");
  default:
    return Error(ErrorCode::timed_out,
                 fmt::format("{}: process {} is in the middle of joining or of clearing up", what, claim.holder.pid),
                 "is it stopped?");
  }
}

void check(const RingSpace& space, const MemberRequest& request) {
  const auto invalid = [&](const char* why) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("join {} as '{}': {}", space.place().text(), request.id.c_str(), why));
  };
  if (const auto* const fault = fault_of_id(request.id)) {
    invalid(fault);
  }
  if (request.role == MemberRole::lossy && !space.facts().lossy_allowed) {
    invalid("this ring does not admit lossy readers");
  }
  if (space.role() == SpaceRole::observer) {
    invalid("an observer does not join");
  }
}

} // namespace

const char* fault_of_id(std::string_view id) noexcept {
  static_assert(member_id_bytes == 48);
  return id.size() >= member_id_bytes              ? "an id has at most 47 bytes"
         : id.find('\0') != std::string_view::npos ? "an id holds no zero byte"
                                                   : nullptr;
}

Membership Membership::join(const RingSpace& space, const MemberRequest& request, MonotonicNs deadline) {
  space.require_here();
  check(space, request);
  const auto label = space.place().text();
  const auto self = os::own_identity();
  const auto table = space.members();
  MemberProtocol<> protocol(table.lines, table.readers, ActorMark::of(self));
  const auto id = pack_member_id(request.id);
  MemberClaim claim;
  const auto is_decided = [&] {
    const auto now = monotonic_now();
    claim = protocol.claim(id, {.now = now, .kept_until = end_of_grace(now, *table.grace_ns)}, is_surely_dead);
    return claim.outcome != ClaimOutcome::busy;
  };
  // Whoever is in the way is a few stores from the end, or stopped.
  while (!climb(ladder_for_this_process(), is_decided) && monotonic_now() < deadline) {
  }
  const bool is_resumed = claim.outcome == ClaimOutcome::resumed;
  if (!is_resumed && claim.outcome != ClaimOutcome::claimed) {
    throw refusal(space, request, claim);
  }
  auto& line = table.lines[claim.line];
  Atomics::store_release(line.start_ticks, self.start_time_ticks);
  Atomics::store_release(line.pid, static_cast<std::uint32_t>(self.pid));
  Atomics::store_release(line.role, static_cast<std::uint32_t>(request.role));
  Atomics::store_release(line.joined_at, monotonic_now());
  Membership mine(space.share(), claim.line, protocol.join(claim));
  mine.is_resumed_ = is_resumed;
  if (is_gating(claim.kept_position)) {
    mine.resume_from_ = claim.kept_position;
  }
  // SYNC member.scope: barrier, then a look at the scope; pairs with the barrier in take_over_scope. Forbids: that an
  // owner of another scope misses this line, while this process misses the new scope.
  Atomics::store_load_barrier();
  detail::require_same_scope(detail::scope_of(space.scope()), label);
  // SYNC ring.joins: release; pairs with the acquire in ActiveLines::refresh and in Members::scan. Publishes: the line.
  Atomics::fetch_add(table.joins->value, std::uint64_t{1});
  os::futex_wake(futex_half(table.joins->value), os::wake_all);
  return mine;
}

Membership::Membership(RingSpace space, std::uint32_t line, const MemberWord& word) noexcept
    : space_(std::move(space)), line_(line), word_(word) {}

Membership::Membership(Membership&& other) noexcept
    : space_(std::move(other.space_)), line_(other.line_), word_(other.word_), resume_from_(other.resume_from_),
      is_resumed_(other.is_resumed_), holds_(std::exchange(other.holds_, false)) {}

Membership& Membership::operator=(Membership&& other) noexcept {
  Membership taken(std::move(other));
  std::swap(space_, taken.space_);
  std::swap(line_, taken.line_);
  std::swap(word_, taken.word_);
  std::swap(resume_from_, taken.resume_from_);
  std::swap(is_resumed_, taken.is_resumed_);
  std::swap(holds_, taken.holds_);
  return *this;
}

Membership::~Membership() {
  leave();
}

void Membership::leave() noexcept {
  give_back(false, 0);
}

void Membership::remember(std::uint64_t position) noexcept {
  if (holds_ && space_.is_here()) {
    Atomics::store_release(space_.members().lines[line_].kept_position, position);
  }
}

void Membership::leave_and_keep(std::uint64_t position, MonotonicNs kept_until) noexcept {
  remember(position);
  give_back(true, kept_until);
}

void Membership::give_back(bool keep, MonotonicNs kept_until) noexcept {
  if (!std::exchange(holds_, false) || !space_.is_here()) {
    return;
  }
  const auto table = space_.members();
  auto& reader = table.readers[line_];
  // A reader that was dropped without leaving would hold the producer back for ever.
  if (reader.gate.observe() != no_reader) {
    (void)vacate(reader);
  }
  MemberProtocol<>(table.lines, table.readers, word_.actor).leave(line_, word_, keep, kept_until);
}

} // namespace ringfleet::ring
