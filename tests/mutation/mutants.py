"""The mutants: one wrong line of protocol code each, and the test that must notice it.

`before` occurs exactly once in `file` (relative to lib/ringfleet); `after` takes its place. A mutant that no longer
applies is an error of this table, not a pass. `survives` gives the reason why no test on this machine can notice it;
such a mutant is run like the others, and it is an error if a test notices it after all.
"""

from check_mutants import UNCHECKED
from explored_mutants import EXPLORED
from frame_mutants import FRAMED
from kill_mutants import KILLED, call_kills
from mutant import Mutant, Proof
from order_mutants import WEAKENED

ring = Proof("tests/explore/explore_ring_test", ("ring_test.cpp",))
shared = Proof("tests/explore/explore_shared_ring_test", ("shared_ring_test.cpp",))
shared_lossy = Proof("tests/explore/explore_shared_ring_test", ("shared_lossy_test.cpp",))
members = Proof("tests/explore/explore_members_test", ("member_test.cpp",))
lane_handles = ("call/caller_lane.cpp", "call/server_lane.cpp")
slots = Proof("tests/call/call_lane_test", ("lane_slots_test.cpp",), lane_handles)
calls = Proof("tests/call/call_lane_test", ("lane_call_test.cpp",), lane_handles)
closes = Proof("tests/call/call_lane_test", ("lane_close_test.cpp",), lane_handles)
fates = Proof("tests/call/call_lane_test", ("lane_fate_test.cpp",), lane_handles)
lane_death = Proof("tests/call/call_death_test", ("lane_death_test.cpp",), lane_handles)
lane_hostile = Proof("tests/call/call_hostile_test", ("lane_hostile_test.cpp",), lane_handles)
shared_frame_lossy = Proof("tests/frame/frame_test", ("shared_lossy_test.cpp", "../allocations.cpp"))
ring_members = Proof("tests/ring/ring_test", ("member_test.cpp",))
ring_lossy = Proof("tests/ring/ring_test", ("lossy_test.cpp",))
ring_stream = Proof("tests/ring/ring_test", ("sequencer_test.cpp", "ring_test.cpp"))
shared_follow = Proof("tests/ring/shared_ring_test", ("shared_follow_test.cpp",))
shared_waits = Proof("tests/ring/shared_ring_test", ("shared_wait_test.cpp",))
shared_loans = Proof("tests/frame/shared_loan_processes_test", ("shared_loan_process_test.cpp",))
shared_loans_explored = Proof("tests/explore/explore_loan_test", ("shared_loan_test.cpp",))
shared_owners = Proof("tests/ring/shared_ring_test", ("shared_owners_test.cpp",))
shared_claims = Proof("tests/ring/shared_ring_test", ("shared_sequencer_test.cpp",))
shared_stream = Proof("tests/ring/shared_ring_test", ("shared_sequencer_test.cpp", "shared_ring_test.cpp"))
races = Proof("tests/ring/ring_test", ("ring_test.cpp", "litmus_test.cpp"), preset="tsan")
shared_races = Proof("tests/ring/shared_ring_test", ("shared_ring_test.cpp",), preset="tsan")
lane_races = Proof("tests/call/call_lane_test", ("lane_call_test.cpp", "lane_slots_test.cpp"), lane_handles, "tsan")

MUTANTS = [
    # One producer: claims, limit, newcomers, evictions.
    Mutant("claim.room_off_by_one", "check", "ring/sequencer.hpp",
           "free_until_ = slowest.position() + capacity_;", "free_until_ = slowest.position() + capacity_ + 1;", ring),
    Mutant("claim.publish_without_room", "check", "ring/sequencer.hpp",
           "    if (is_before(free_until_, needed)) {\n      look_at_gates();\n      if (is_before(free_until_, needed)) "
           "{\n        return false;\n      }\n    }\n    const auto wanted",
           "    if (is_before(free_until_, needed)) {\n      look_at_gates();\n    }\n    const auto wanted", ring),
    Mutant("claim.limit_not_stated", "store", "ring/sequencer.hpp",
           "      producer_->limit.template publish<A>(wanted);\n", "", ring),
    Mutant("claim.no_barrier_after_limit", "barrier", "ring/sequencer.hpp",
           "    A::store_load_barrier();\n    if (active_.is_stale(*lines_.joins)) {",
           "    if (active_.is_stale(*lines_.joins)) {", ring),
    Mutant("claim.newcomers_not_looked_for", "help", "ring/sequencer.hpp",
           "    if (active_.is_stale(*lines_.joins)) {\n      look_at_gates();\n      if (is_before(free_until_, needed)) "
           "{\n        return false;\n      }\n    }\n    limit_ =",
           "    limit_ =", ring),
    Mutant("claim.evicted_readers_still_gate", "check", "ring/sequencer.hpp",
           "if (is_gating(gate) && slowest.is_slower(gate) && !is_evicted<A>(lines_.evicted[line], reader)) {",
           "if (is_gating(gate) && slowest.is_slower(gate)) {", ring_members),
    Mutant("evict.mark_not_stored", "store", "ring/sequencer.hpp",
           "    A::store_release(lines_.evicted[line], incarnation);\n    A::step(\"ring.evicted\");",
           "    A::step(\"ring.evicted\");", ring_members),
    Mutant("evict.another_incarnation", "check", "ring/sequencer.hpp",
           "if (incarnation == 0 || A::load_acquire(lines_.readers[line].incarnation) != incarnation) {",
           "if (incarnation == 0) {", ring_members),
    Mutant("evict.no_barrier", "barrier", "ring/sequencer.hpp",
           "    A::step(\"ring.evicted\");\n    A::store_load_barrier();\n    return true;",
           "    A::step(\"ring.evicted\");\n    return true;", ring,
           survives="stores leave an x86 core in order, so the mark is seen before what is written over the elements; "
                    "the barrier is for processors that let them pass each other"),

    # Readers: joining, releasing, following.
    Mutant("release.evicted_not_noticed", "check", "ring/reader_sequencer.hpp",
           "    if (is_evicted()) [[unlikely]] {\n      return ReadResult::evicted;\n    }\n    gate_.advance",
           "    gate_.advance", ring),
    Mutant("join.oldest_not_moved_up", "check", "ring/reader_sequencer.hpp",
           "    } else if (is_before(begin, oldest)) {\n      begin = oldest;\n    }", "    }", ring),
    Mutant("join.not_announced", "help", "ring/reader_sequencer.hpp",
           "    A::fetch_add(lines_.joins->value, std::uint64_t{1});\n    A::step(\"ring.joined\");",
           "    A::step(\"ring.joined\");", ring),
    Mutant("join.announced_before_the_gate", "swap", "ring/reader_sequencer.hpp",
           "    if (!gate_.take(lines_.readers[line_], begin)) {\n      return false;\n    }\n    first_shown_ = begin;",
           "    A::fetch_add(lines_.joins->value, std::uint64_t{1});\n"
           "    if (!gate_.take(lines_.readers[line_], begin)) {\n      return false;\n    }\n    first_shown_ = begin;",
           ring, survives="one count too many: the producer looks at the lines once more than it has to, and the "
                          "second count still comes after the gate"),
    Mutant("follow.ahead_of_the_followed", "check", "ring/followed.hpp",
           "      } else if (is_before(gate, least)) {\n        least = gate;\n      }\n    };", "      }\n    };", ring),
    Mutant("gate.taken_without_exchange", "check", "ring/gate.hpp",
           "    if (!A::compare_exchange(line.gate.value, expected, position)) {\n      return false;\n    }",
           "    (void)expected;\n    A::store_release(line.gate.value, position);", ring_stream),
    Mutant("gate.position_not_published", "store", "ring/gate.hpp",
           "    position_ = position;\n    line_->gate.template publish<A>(position);",
           "    position_ = position;", ring_stream),

    # Lossy readers.
    Mutant("lossy.checks_the_cursor", "check", "ring/lossy_sequencer.hpp",
           "return !is_before(position_, A::load_relaxed(lines_.producer->limit.value) - lines_.capacity);",
           "return !is_before(position_, A::load_relaxed(lines_.producer->cursor.value) - lines_.capacity);", ring),
    Mutant("lossy.check_off_by_one", "check", "ring/lossy_sequencer.hpp",
           "return !is_before(position_, A::load_relaxed(lines_.producer->limit.value) - lines_.capacity);",
           "return !is_before(position_ + 1, A::load_relaxed(lines_.producer->limit.value) - lines_.capacity);", ring),
    Mutant("lossy.loss_not_counted", "value", "ring/lossy_sequencer.hpp",
           "    lost_ += gap;\n", "", ring_lossy),

    # Waiting and waking.
    Mutant("park.no_barrier_of_the_waiter", "barrier", "ring/parking.hpp",
           "  A::store_release(flag, sequence);\n  A::step(\"parking.announced\");\n  A::store_load_barrier();",
           "  A::store_release(flag, sequence);\n  A::step(\"parking.announced\");", shared),
    Mutant("park.flag_not_raised", "store", "ring/parking.hpp",
           "  A::store_release(flag, sequence);\n  A::step(\"parking.announced\");", "  A::step(\"parking.announced\");",
           shared),
    Mutant("park.awaited_off_by_one", "check", "ring/parking.hpp",
           "return sequence - before - 1 < after - before;", "return sequence - before < after - before;", shared),

    # Many producers: claims, helping, repair.
    Mutant("shared.no_helping", "help", "ring/shared_sequencer.hpp",
           "      if (end != finished_end_ && !describe<A>(lines(), latest)) [[unlikely]] {\n"
           "        word = A::load_acquire(shared_->tail);\n        continue;\n      }\n", "", shared),
    Mutant("shared.helper_stores", "help", "ring/shared_claims.hpp",
           "  (void)A::compare_exchange(cell, seen, descriptor_of(latest, lap));",
           "  A::store_release(cell, descriptor_of(latest, lap));", shared),
    Mutant("shared.helper_ignores_the_tail", "check", "ring/shared_claims.hpp",
           "  if (A::load_acquire(lines.shared->tail) != tail_word(latest)) {\n    return false;\n  }\n", "", shared),
    Mutant("shared.helper_ignores_the_lap", "check", "ring/shared_claims.hpp",
           "  auto claim = claim_of_descriptor(descriptor, position, lines.lap(position));",
           "  auto claim = claim_of_descriptor(descriptor, position, low_bits(descriptor >> 24, 40));", shared),
    Mutant("shared.tail_stored", "check", "ring/shared_sequencer.hpp",
           "    if (!A::compare_exchange(shared_->tail, word, claimed)) {\n      return false;\n    }",
           "    (void)word;\n    A::store_release(shared_->tail, claimed);", shared),
    Mutant("shared.room_off_by_one", "check", "ring/shared_room.hpp",
           "    const auto wanted = earlier(free_from + capacity_, later(needed, end + step_));",
           "    const auto wanted = earlier(free_from + capacity_ + 1, later(needed, end + step_));", shared_claims),
    Mutant("shared.room_check_off_by_one", "check", "ring/shared_room.hpp",
           "    if (is_before(free_from + capacity_, needed)) {", "    if (is_before(free_from + capacity_ + 1, needed)) {",
           shared, survives="a second check guards it: what is granted ends at `allowed`, which is computed without the "
                            "mistake"),
    Mutant("shared.granted_before_the_second_look", "swap", "ring/shared_room.hpp",
           "      allowed = earlier(allowed, least_gate(end) + capacity_);\n", "", shared),
    Mutant("shared.limit_not_stated", "store", "ring/shared_room.hpp",
           "    raise_to<A>(lines_.shared->limit, wanted);\n", "", shared),
    Mutant("shared.limit_before_joins_without_barrier", "barrier", "ring/shared_room.hpp",
           "    A::step(\"shared.limit_stated\");\n    // SYNC ring.join: barrier between the limit and the joins; pairs "
           "with the barrier in SharedReaderSequencer::enter.\n    A::store_load_barrier();\n",
           "    A::step(\"shared.limit_stated\");\n", shared,
           survives="the limit is raised by an exchange, which is a full barrier on x86 already"),
    Mutant("shared.finished_too_far", "value", "ring/shared_room.hpp",
           "    raise_to<A>(lines_.shared->finished, free_from);", "    raise_to<A>(lines_.shared->finished, needed);", shared),
    Mutant("shared.evicted_readers_still_gate", "check", "ring/shared_room.hpp",
           "    return is_gating(gate) && !is_evicted<A>(lines_.evicted[line], reader) ? gate : no_reader;",
           "    return is_gating(gate) ? gate : no_reader;",
           shared_stream),
    Mutant("shared.wake_without_barrier", "barrier", "ring/shared_sequencer.hpp",
           "    // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.\n"
           "    A::store_load_barrier();\n    const auto readers", "    const auto readers", shared),
    Mutant("shared.repair_ignores_the_owner", "check", "ring/shared_claims.hpp",
           "    if (claim.owner == owner && claim.fate == Fate::claimed) {", "    if (claim.fate == Fate::claimed) {",
           shared),
    Mutant("shared.repair_ignores_the_identity", "check", "ring/shared_claims.hpp",
           "  if (A::load_acquire(lines.owners->identity[owner]) != identity) {\n    return 0;\n  }\n",
           "  (void)identity;\n", shared),
    Mutant("shared.repair_describes_nothing", "help", "ring/shared_claims.hpp",
           "  (void)describe<A>(lines, latest);\n  std::uint64_t aborted = 0;", "  std::uint64_t aborted = 0;", shared),
    Mutant("shared.repair_stores", "check", "ring/shared_claims.hpp",
           "      aborted += A::compare_exchange(lines.descriptor(claim.begin), expected, descriptor_of(claim, lap));",
           "      (void)expected;\n      A::store_release(lines.descriptor(claim.begin), descriptor_of(claim, lap));\n"
           "      ++aborted;", shared),
    Mutant("shared.newcomer_not_counted", "store", "ring/shared_owners.hpp",
           "  A::fetch_add(lines.shared->owner_joins, std::uint64_t{1});\n", "", shared_owners),
    Mutant("shared.newcomer_not_looked_for", "help", "ring/shared_sequencer.hpp",
           "      owner_joins_ = A::load_relaxed(shared_->owner_joins);", "", shared_owners),
    Mutant("shared.heir_does_not_repair", "help", "ring/shared_owners.hpp",
           "  repair<A>(lines, owner, identity);\n  return true;", "  return true;", shared),
    Mutant("shared.latest_claim_read_once", "check", "ring/shared_claims.hpp",
           "    if (again == word) {\n      return claim;\n    }", "    return claim;", shared,
           survives="to be wrong, `granted` would have to move 2^41 positions between the two loads; the second look makes "
                    "a proof of what is otherwise only certain"),
    Mutant("shared.reader_passes_the_unfinished", "check", "ring/shared_reader_sequencer.hpp",
           "    if (claim.fate == Fate::committed) {\n      walked_ = claim.end();",
           "    if (claim.fate == Fate::committed || claim.fate == Fate::claimed) {\n      walked_ = claim.end();", shared),
    Mutant("shared.reader_sees_the_aborted", "check", "ring/shared_reader_sequencer.hpp",
           "    if (claim.fate == Fate::committed) {\n      walked_ = claim.end();",
           "    if (claim.fate == Fate::committed || claim.fate == Fate::aborted) {\n      walked_ = claim.end();", shared),
    Mutant("shared.release_beyond_the_border", "check", "ring/shared_reader_sequencer.hpp",
           "    const auto border = position_ == seen_ ? seen_ : border_before(gate_.position(), position_);",
           "    const auto border = position_;", shared_stream),
    Mutant("shared.follower_ahead_of_the_followed", "check", "ring/shared_reader_sequencer.hpp",
           "    return is_before(least, walked_) ? border_before(seen_, least) : walked_;",
           "    (void)least;\n    return walked_;", shared),
    Mutant("shared.follower_within_a_claim", "check", "ring/shared_reader_sequencer.hpp",
           "    return is_before(least, walked_) ? border_before(seen_, least) : walked_;",
           "    return is_before(least, walked_) ? least : walked_;", shared_follow),
    Mutant("shared.follower_not_woken", "help", "ring/shared_reader_sequencer.hpp",
           "      awaited = awaited || is_awaited_behind_barrier<A>(lines_.readers[follower].awaited_cursor, before, after);",
           "      (void)follower;", shared),
    Mutant("shared.follower_does_not_say_whom", "help", "ring/shared_reader_sequencer.hpp",
           "    followed_.show(own());\n", "", shared),
    Mutant("shared.follower_sleeps_on_the_producers_only", "help", "ring/shared_reader.hpp",
           "      reader.sequencer_.followed().for_each([&](std::size_t line) { bells.add<A>(lines.readers[line].bell); });\n",
           "", shared_waits),
    Mutant("shared.follower_detached_early", "check", "ring/shared_reader.hpp",
           "    return available_now() != 0 || !is_at_end() ? ReadResult::empty : ReadResult::detached;",
           "    return available_now() != 0 ? ReadResult::empty : ReadResult::detached;", shared_follow),
    Mutant("lender.arena_of_the_living_taken", "check", "ring/shared_lenders.hpp",
           "      if (from_the_dead ? holder == 0 || !is_dead(holder) : holder != 0) {",
           "      if (from_the_dead ? holder == 0 : holder != 0) {", shared_loans),
    Mutant("lender.heir_forgets_what_was_published", "check", "frame/loan_arena.hpp",
           "    push({next_, cursor, State::published});\n    state_lent();",
           "    push({next_, cursor, State::given_up});\n    state_lent();", shared_loans_explored),
    Mutant("lender.heir_begins_anew", "help", "frame/frame_writer.hpp",
           "      options.arena->resume(source_.published());\n", "", shared_loans),
    Mutant("shared_lossy.does_not_check", "check", "ring/shared_lossy_sequencer.hpp",
           "    return !is_gone_ && !is_lapped(position_);", "    return true;", shared_lossy),
    Mutant("shared_lossy.checks_what_is_finished", "check", "ring/shared_lossy_sequencer.hpp",
           "    return is_before(position, A::load_acquire(lines_.shared->limit) - lines_.capacity());",
           "    return is_before(position, A::load_acquire(lines_.shared->finished) - lines_.capacity());", shared_lossy),
    Mutant("shared_lossy.check_off_by_one", "check", "ring/shared_lossy_sequencer.hpp",
           "    return is_before(position, A::load_acquire(lines_.shared->limit) - lines_.capacity());",
           "    return is_before(position + 1, A::load_acquire(lines_.shared->limit) - lines_.capacity());", shared_lossy),
    Mutant("shared_lossy.lap_not_looked_for", "check", "ring/shared_lossy_sequencer.hpp",
           "      return is_gone_ || is_lapped(position_) ? lines_.capacity() + 1 : 0;", "      return 0;", shared_lossy),
    Mutant("shared_lossy.sleeps_over_a_lap", "check", "ring/shared_lossy_sequencer.hpp",
           "    return fate == Fate::committed || fate == Fate::aborted || is_lapped(position);",
           "    return fate == Fate::committed || fate == Fate::aborted;", shared_lossy),
    Mutant("shared_lossy.aborted_not_skipped", "help", "ring/shared_lossy_sequencer.hpp",
           "    begin_at(claim.end());\n    return true;", "    return false;", shared_lossy),
    Mutant("shared_lossy.reads_the_aborted", "check", "ring/shared_lossy_sequencer.hpp",
           "    if (claim.fate == Fate::committed) {\n      seen_ = claim.end();",
           "    if (claim.fate == Fate::committed || claim.fate == Fate::aborted) {\n      seen_ = claim.end();",
           shared_lossy),
    Mutant("shared_lossy.reads_the_unfinished", "check", "ring/shared_lossy_sequencer.hpp",
           "    if (claim.fate == Fate::committed) {\n      seen_ = claim.end();",
           "    if (claim.fate == Fate::committed || claim.fate == Fate::claimed) {\n      seen_ = claim.end();",
           shared_lossy),
    Mutant("shared_lossy.goes_on_inside_a_claim", "value", "ring/shared_claims.hpp",
           "  return next_claim<A>(lines, walk_begin(safe, latest, lines.capacity()), latest).begin;",
           "  return walk_begin(safe, latest, lines.capacity());", shared_lossy),
    Mutant("shared_lossy.loss_not_counted", "value", "ring/shared_lossy_sequencer.hpp",
           "    lost_ += gap;\n", "", shared_lossy),
    Mutant("shared_lossy.record_over_a_skipped_claim", "check", "frame/lossy_frame_reader.hpp",
           "      if (rest != ring::ReadResult::ok || reader_.position() != position + blocks) {",
           "      if (rest != ring::ReadResult::ok) {", shared_frame_lossy),

    # Members and the owner line.
    Mutant("member.dead_gate_not_taken_away", "help", "ring/member_protocol.hpp",
           "    readers_[line].gate.template publish<A>(no_reader);\n    A::step(\"member.gate_gone\");",
           "    A::step(\"member.gate_gone\");", members),
    Mutant("member.gate_gone_before_position_kept", "swap", "ring/member_protocol.hpp",
           "    if (is_gating(gate) ? has_moved(line, gate) : gate != no_reader) {\n"
           "      A::store_release(mine.kept_position, gate);\n    }\n    A::step(\"member.position_kept\");\n"
           "    A::store_release(readers_[line].began, std::uint64_t{0});\n"
           "    readers_[line].gate.template publish<A>(no_reader);",
           "    const bool keeps = is_gating(gate) ? has_moved(line, gate) : gate != no_reader;\n"
           "    A::store_release(readers_[line].began, std::uint64_t{0});\n"
           "    readers_[line].gate.template publish<A>(no_reader);\n    A::step(\"member.position_kept\");\n"
           "    if (keeps) {\n      A::store_release(mine.kept_position, gate);\n    }", members),
    Mutant("member.position_of_a_beginner_kept", "check", "ring/member_protocol.hpp",
           "    return began != 0 && (gate != began - 1 || A::load_acquire(lines_[line].kept_position) == no_reader);",
           "    return began == began && gate == gate;",
           Proof("tests/ring/reader_processes_test", ("reader_process_test.cpp",))),
    Mutant("fan_in.aborted_claim_not_skipped", "help", "ring/shared_reader_sequencer.hpp",
           "    return claim.fate == Fate::aborted || (claim.fate == Fate::committed && is_released_by_followed(claim.end()));",
           "    return claim.fate == Fate::committed && is_released_by_followed(claim.end());", shared_waits),
    Mutant("member.newcomer_gives_no_grace", "check", "ring/member_protocol.hpp",
           "        const auto word = settle(i, times.kept_until, is_dead);", "        const auto word = settle(i, 0, is_dead);",
           members),
    Mutant("member.grace_not_looked_at", "check", "ring/member_protocol.hpp",
           "A::load_acquire(lines_[i].kept_until) <= times.now);", "true);", members),
    Mutant("member.place_not_remembered", "store", "ring/membership.cpp",
           "    Atomics::store_release(space_.members().lines[line_].kept_position, position);", "    (void)position;",
           Proof("tests/ring/ring_space_test", ("member_place_test.cpp",), ("ring/membership.cpp",))),
    Mutant("member.living_vacated", "check", "ring/member_protocol.hpp",
           "tries < tries_max && word.has_actor() && is_dead(word.actor); ++tries) {",
           "tries < tries_max && word.has_actor(); ++tries) {", members),
    Mutant("member.same_id_twice", "check", "ring/member_protocol.hpp",
           "      if (other.state == MemberState::free || id_of(i) != id) {", "      if (true || id_of(i) != id) {",
           members),
    Mutant("member.no_barrier_after_id", "barrier", "ring/member_protocol.hpp",
           "    A::step(\"member.id_shown\");\n    A::store_load_barrier();", "    A::step(\"member.id_shown\");", members),
    Mutant("member.half_an_id", "check", "ring/member_protocol.hpp",
           "      case MemberState::claiming: // the id may be half there\n"
           "        (void)exchange(line, word, word.with(MemberState::free));",
           "      case MemberState::claiming:\n        (void)exchange(line, word, word.with(MemberState::kept));", members),
    Mutant("owner.read_once", "check", "ring/owner_line.hpp",
           "  if (A::load_acquire(line.word) != word) {\n    return std::nullopt;\n  }\n", "", members),
    Mutant("owner.fields_before_absent", "swap", "ring/owner_line.hpp",
           "  A::store_release(line.word, owner_word(before, OwnerState::absent));\n  A::step(\"owner.absent\");",
           "  (void)before;\n  A::step(\"owner.absent\");", members),

    # Call lanes.
    Mutant("lane.request_before_its_words", "swap", "call/lane_caller_impl.hpp",
           "  auto& header = request(position);\n  std::memcpy(header.chain",
           "  auto& header = request(position);\n  A::store_release(header.stamp, position + 1);\n"
           "  std::memcpy(header.chain", call_kills),
    Mutant("lane.finish_before_the_reply_is_stamped", "swap", "call/lane_server.hpp",
           "    A::step(\"lane.replying\");",
           "    finish(0);\n    A::step(\"lane.replying\");", call_kills),
    Mutant("lane.reply_before_its_words", "swap", "call/lane_server.hpp",
           "    auto& header = reply(position);\n    A::store_relaxed(header.payload, payload);",
           "    auto& header = reply(position);\n    A::store_release(header.stamp, position + 1);\n"
           "    A::store_relaxed(header.payload, payload);", call_kills),
    Mutant("lane.start_not_announced", "store", "call/lane_server.hpp",
           "    A::store_release(line.first_stamp, position + 1);\n    A::step(\"lane.announced\");",
           "    A::step(\"lane.announced\");", lane_death),
    Mutant("lane.finish_before_the_reply", "check", "call/lane_fate.hpp",
           "    if (stamps[position & (stamps.size() - 1)] == position + 1) {\n      return Fate::replied;\n    }\n", "",
           fates),
    Mutant("lane.closed_not_looked_at", "check", "call/lane_caller_impl.hpp",
           "  if (is_closed()) {\n    return {ClaimKind::closed, 0};\n  }\n", "", closes),
    Mutant("lane.close_one_too_far", "value", "call/lane_server.hpp",
           "    A::store_release(control().closed, next_);", "    A::store_release(control().closed, next_ + 1);", closes),
    Mutant("lane.served_after_close", "check", "call/lane_server.hpp",
           "  if (A::load_acquire(header.stamp) != next_ + 1 || closed_) {",
           "  if (A::load_acquire(header.stamp) != next_ + 1) {", closes),
    Mutant("lane.implausible_progress_believed", "check", "call/lane_caller_impl.hpp",
           "      fates.all_started |= A::load_relaxed(line.check) != expected;", "      (void)expected;", fates),
    Mutant("lane.reply_length_not_checked", "check", "call/lane_caller_impl.hpp",
           "    if (bytes > shape_.slot_bytes) {\n      return Polled::bad_reply;\n    }\n", "", lane_hostile),
    Mutant("lane.request_length_not_checked", "check", "call/lane_server.hpp",
           "  if (payload == 0 && bytes <= shape_.slot_bytes) {", "  if (payload == 0) {", lane_hostile),
    Mutant("lane.reply_of_another_lap", "check", "call/lane_caller_impl.hpp",
           "    return previous_lap || first_lap ? Polled::pending : Polled::bad_reply;", "    return Polled::pending;",
           closes),
    Mutant("lane.arena_release_not_shown", "store", "call/lane_caller_impl.hpp",
           "    A::store_release(cold(position).released, position + 1);\n  }", "  }", calls),

    *FRAMED,

    *EXPLORED,

    *KILLED,

    *UNCHECKED,

    *WEAKENED,

    # Memory orders once more, as ThreadSanitizer sees them.
    Mutant("tsan.sequence_relaxed", "order", "ring/sequence.hpp",
           "    A::store_release(value, position);", "    A::store_relaxed(value, position);", races),
    Mutant("tsan.sequence_observed_relaxed", "order", "ring/sequence.hpp",
           "    // SYNC ring.sequence: acquire; pairs with release in publish.\n    return A::load_acquire(value);",
           "    return A::load_relaxed(value);", races),
    Mutant("tsan.descriptor_relaxed", "order", "ring/shared_sequencer.hpp",
           "    A::store_release(lines().descriptor(first), descriptor_of(claim, lines().lap(first)));",
           "    A::store_relaxed(lines().descriptor(first), descriptor_of(claim, lines().lap(first)));", shared_races),
    Mutant("tsan.request_stamp_relaxed", "order", "call/lane_caller_impl.hpp",
           "  A::store_release(request(position).stamp, position + 1);",
           "  A::store_relaxed(request(position).stamp, position + 1);", lane_races),
    Mutant("tsan.reply_stamp_relaxed", "order", "call/lane_server.hpp",
           "    A::store_release(header.stamp, position + 1);\n    A::step(\"lane.replied\");",
           "    A::store_relaxed(header.stamp, position + 1);\n    A::step(\"lane.replied\");", lane_races),
    Mutant("tsan.slot_freed_relaxed", "order", "call/lane_caller_impl.hpp",
           "  A::store_release(slot.word, slot_word(position + shape_.slots, SlotState::free));",
           "  A::store_relaxed(slot.word, slot_word(position + shape_.slots, SlotState::free));", lane_races),
]
