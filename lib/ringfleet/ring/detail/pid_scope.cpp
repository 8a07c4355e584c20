#include "ringfleet/ring/detail/pid_scope.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/memory/boot_id.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/member_protocol.hpp"

#include <cstring>

#include <fmt/format.h>

namespace ringfleet::ring::detail {
namespace {

// Nobody of another boot lives, so this is proof enough for every line. Its clock began anew with this one: what was
// kept until some time of the old one has its grace from now on.
void keep_all(MemberParts& members) {
  MemberProtocol<> protocol(members.lines, members.readers, ActorMark::of(os::own_identity()));
  const auto kept_until = end_of_grace(monotonic_now(), members.head->grace_ns);
  for (std::size_t line = 0; line < members.lines.size(); ++line) {
    bool first = true;
    (void)protocol.settle(line, kept_until, [&](ActorMark) { return std::exchange(first, false); });
    Atomics::store_release(members.lines[line].kept_until, kept_until);
  }
}

void write_scope(PidScope& shared, const Scope& scope) noexcept {
  Atomics::store_release(shared.boot_id[0], scope.boot_id[0]);
  Atomics::store_release(shared.boot_id[1], scope.boot_id[1]);
  // SYNC member.scope: release, then a barrier; pairs with the acquire in scope_of, behind the barrier in
  // Membership::join.
  Atomics::store_release(shared.pid_namespace, scope.pid_namespace);
}

} // namespace

Scope own_scope() {
  Scope scope;
  std::memcpy(scope.boot_id.data(), memory::own_boot_id().data(), sizeof(scope.boot_id));
  scope.pid_namespace = os::own_pid_namespace();
  return scope;
}

Owner own_owner(std::uint64_t generation) {
  const auto scope = own_scope();
  return {.state = OwnerState::owned,
          .generation = generation,
          .process = os::own_identity(),
          .pid_namespace = scope.pid_namespace,
          .boot_id = scope.boot_id};
}

Scope scope_of(const PidScope& shared) noexcept {
  Scope scope;
  scope.boot_id = {Atomics::load_acquire(shared.boot_id[0]), Atomics::load_acquire(shared.boot_id[1])};
  // SYNC member.scope: acquire; pairs with the release in write_scope.
  scope.pid_namespace = Atomics::load_acquire(shared.pid_namespace);
  return scope;
}

void require_same_scope(const Scope& found, std::string_view label) {
  const auto own = own_scope();
  if (found.boot_id != own.boot_id) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: it is from an earlier boot, and its producer has not come back yet", label),
                "start its producer first");
  }
  if (found.pid_namespace != own.pid_namespace) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: it belongs to PID namespace {}, this process lives in {}", label, found.pid_namespace,
                            own.pid_namespace),
                "run all members of a ring in one PID namespace: nobody could tell whether the others are alive");
  }
}

void take_over_scope(MemberParts& members, std::string_view label) {
  auto& shared = members.head->scope;
  const auto before = scope_of(shared);
  const auto own = own_scope();
  if (before == own) {
    return;
  }
  if (before.boot_id != own.boot_id) {
    keep_all(members);
    write_scope(shared, own);
    return;
  }
  write_scope(shared, own);
  Atomics::store_load_barrier();
  const MemberProtocol<> protocol(members.lines, members.readers, {});
  for (std::size_t line = 0; line < members.lines.size(); ++line) {
    const auto word = protocol.look(line);
    if (word.has_actor()) {
      write_scope(shared, before);
      throw Error(ErrorCode::wrong_state,
                  fmt::format("{}: process {} of PID namespace {} holds line {}, and this process lives in {}: nobody "
                              "can tell whether it is alive",
                              label, word.actor.pid, before.pid_namespace, line, own.pid_namespace),
                  "end it and remove the ring ('ringfleet segments rm'), or replace the ring");
    }
  }
}

} // namespace ringfleet::ring::detail
