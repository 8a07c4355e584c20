"""Mistakes seen by whoever is killed at every instruction, or whose memory changes at every instruction."""

from mutant import Mutant, Proof

stepkill = ("stepkill.cpp", "stepper.cpp", "watchdog.cpp")
ring_kills = Proof("tests/kill/stepkill_ring", ("ring_stepkill.cpp", *stepkill), is_doctest=False)
lossy_kills = Proof("tests/kill/stepkill_lossy", ("lossy_stepkill.cpp", *stepkill), is_doctest=False)
shared_kills = Proof("tests/kill/stepkill_shared_ring", ("shared_ring_stepkill.cpp", *stepkill), is_doctest=False)
shared_reader_kills = Proof("tests/kill/stepkill_shared_reader", ("shared_reader_stepkill.cpp", *stepkill), is_doctest=False)
shared_lossy_kills = Proof("tests/kill/stepkill_shared_lossy", ("shared_lossy_stepkill.cpp", *stepkill), is_doctest=False)
shared_loan_kills = Proof("tests/kill/stepkill_shared_loan", ("shared_loan_stepkill.cpp", *stepkill), is_doctest=False)


def attach_kills(scenario, *linked):
    return Proof("tests/kill/stepkill_attach", ("attach_stepkill.cpp", *stepkill), linked, is_doctest=False,
                 arguments=(scenario,))


def frame_reader_kills(scenario):
    return Proof("tests/kill/stepkill_frame_reader", ("frame_reader_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=(scenario,))


def loan_kills(scenario):
    return Proof("tests/kill/stepkill_loan", ("loan_stepkill.cpp", *stepkill), is_doctest=False, arguments=(scenario,))


def fragment_kills(script):
    return Proof("tests/kill/stepkill_fragments", ("fragments_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=(script,))


frame_kills = Proof("tests/kill/stepkill_frame", ("frame_stepkill.cpp", *stepkill), is_doctest=False)
shared_frame_kills = Proof("tests/kill/stepkill_shared_frame", ("shared_frame_stepkill.cpp", *stepkill), is_doctest=False)
call_kills = Proof("tests/kill/stepkill_call", ("call_stepkill.cpp", *stepkill), is_doctest=False)
lane_handles = ("call/caller_lane.cpp", "call/server_lane.cpp")


def large_kills(program, scenario):
    return Proof(f"tests/kill/stepkill_{program}", (f"{program}_stepkill.cpp", *stepkill), lane_handles,
                 is_doctest=False, arguments=(scenario,))


def deploy_kills(scenario, *linked):
    return Proof("tests/kill/stepkill_deploy", ("deploy_stepkill.cpp", *stepkill), linked, is_doctest=False,
                 arguments=(scenario,))


counter_kills = Proof("tests/kill/stepkill_counter", ("counter_stepkill.cpp", *stepkill), is_doctest=False)
flips = ("flip.cpp", "guarded.cpp", "intrusion.cpp", "watchdog.cpp")
frame_flips = Proof("tests/kill/flip_frame", ("frame_flip.cpp", *flips), is_doctest=False)


def flips_of(side, attack):
    allocations = ("../allocations.cpp",) if side == "member" else ()
    return Proof(f"tests/kill/flip_{side}", (f"{side}_flip.cpp", *allocations, *flips), is_doctest=False, arguments=(attack,))


KILLED = [
    Mutant("kill.gate_gone_before_position_kept", "swap", "ring/member_protocol.hpp",
           "    if (is_gating(gate) ? has_moved(line, gate) : gate != no_reader) {\n"
           "      A::store_release(mine.kept_position, gate);\n    }\n    A::step(\"member.position_kept\");\n"
           "    A::store_release(readers_[line].began, std::uint64_t{0});\n"
           "    readers_[line].gate.template publish<A>(no_reader);",
           "    const bool keeps = is_gating(gate) ? has_moved(line, gate) : gate != no_reader;\n"
           "    A::store_release(readers_[line].began, std::uint64_t{0});\n"
           "    readers_[line].gate.template publish<A>(no_reader);\n    A::step(\"member.position_kept\");\n"
           "    if (keeps) {\n      A::store_release(mine.kept_position, gate);\n    }", ring_kills),
    Mutant("kill.no_helping", "help", "ring/shared_sequencer.hpp",
           "      if (end != finished_end_ && !describe<A>(lines(), latest)) [[unlikely]] {\n"
           "        word = A::load_acquire(shared_->tail);\n        continue;\n      }\n", "", shared_kills),
    Mutant("kill.repair_describes_nothing", "help", "ring/shared_claims.hpp",
           "  (void)describe<A>(lines, latest);\n  std::uint64_t aborted = 0;", "  std::uint64_t aborted = 0;", shared_kills),
    Mutant("kill.position_not_kept", "store", "ring/member_protocol.hpp",
           "      A::store_release(mine.kept_position, gate);\n    }\n    A::step(\"member.position_kept\");",
           "    }\n    A::step(\"member.position_kept\");", ring_kills),
    Mutant("kill.counter_shown_before_its_label", "swap", "counter/counter_protocol.hpp",
           "  store_text<A>(item.label, label);\n", "  A::store_release(item.kind, static_cast<std::uint32_t>(kind));\n"
           "  store_text<A>(item.label, label);\n", counter_kills),
    Mutant("kill.text_written_where_it_is_shown", "value", "counter/counter_protocol.hpp",
           "  store_text<A>(item.text[writes % 2], text);", "  store_text<A>(item.text[(writes - 1) % 2], text);",
           counter_kills),
    Mutant("kill.owner_shown_before_its_start_time", "swap", "counter/counter_protocol.hpp",
           "  A::store_relaxed(owner.start_time_ticks, start_time_ticks);\n", "  A::store_release(owner.pid, pid);\n"
           "  A::store_relaxed(owner.start_time_ticks, start_time_ticks);\n", counter_kills),
    # Readers of rings with many producers.
    Mutant("kill.shared_reader_begins_before_its_gate", "swap", "ring/shared_reader_sequencer.hpp",
           "    if (begin != first_shown_) {\n      gate_.advance(begin);\n    }\n    gate_.begun();",
           "    gate_.begun();\n    if (begin != first_shown_) {\n      gate_.advance(begin);\n    }", shared_reader_kills),
    Mutant("kill.latest_is_behind_a_dead_claim", "value", "ring/shared_reader_sequencer.hpp",
           "      const auto unfinished = first_unfinished<A>(lines_);",
           "      const auto unfinished = latest_claim<A>(lines_).end();", shared_reader_kills),
    Mutant("kill.oldest_is_within_a_claim", "value", "ring/shared_claims.hpp",
           "  return next_claim<A>(lines, walk_begin(safe, latest, lines.capacity()), latest).begin;",
           "  return walk_begin(safe, latest, lines.capacity());", shared_reader_kills),
    Mutant("kill.shared_reader_is_not_told_what_it_missed", "value", "ring/shared_reader_sequencer.hpp",
           "      missed_ = is_before(options.position, oldest) ? oldest - options.position : 0;\n", "",
           shared_reader_kills),
    Mutant("kill.shared_reader_comes_back_within_a_claim", "value", "ring/shared_reader_sequencer.hpp",
           "      begin = claim_holding<A>(lines_, options.position, oldest);",
           "      begin = is_before(options.position, oldest) ? oldest : options.position;", shared_reader_kills),
    Mutant("kill.shared_reader_stops_at_the_aborted", "help", "ring/shared_reader_sequencer.hpp",
           "    position_ = seen_ = walked_ = claim.end();\n    gate_.advance(walked_);\n    return true;",
           "    return false;", shared_reader_kills),
    Mutant("kill.gate_not_left", "store", "ring/gate.hpp",
           "    A::store_release(line_->began, std::uint64_t{0});\n    line_->gate.template publish<A>(no_reader);",
           "    A::store_release(line_->began, std::uint64_t{0});", shared_reader_kills),
    Mutant("kill.follower_ahead_of_the_followed", "check", "ring/followed.hpp",
           "      } else if (is_before(gate, least)) {\n        least = gate;\n      }\n    };", "      }\n    };",
           shared_reader_kills),
    Mutant("kill.lossy_reader_holds_back", "value", "ring/shared_lossy_sequencer.hpp",
           "!gate.take(lines.readers[line], lossy_reader)", "!gate.take(lines.readers[line], reader->position())",
           shared_lossy_kills),
    Mutant("kill.lossy_line_not_left", "store", "ring/shared_lossy_sequencer.hpp",
           "      own_->gate.template publish<A>(no_reader);", "", shared_lossy_kills),
    Mutant("kill.lossy_reader_waits_for_what_is_gone", "check", "ring/shared_lossy_sequencer.hpp",
           "    is_gone_ = is_before(position, begin);\n    begin_at(is_gone_ ? position : begin);",
           "    begin_at(is_before(position, begin) ? position : begin);",
           Proof("tests/kill/stepkill_shared_lossy", ("shared_lossy_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=("behind a dead claim, 6 of",))),
    Mutant("kill.lossy_loss_not_counted", "value", "ring/shared_lossy_sequencer.hpp",
           "    lost_ += gap;\n", "", shared_lossy_kills),
    Mutant("kill.single_lossy_reader_holds_back", "value", "ring/lossy_sequencer.hpp",
           "!gate.take(lines.readers[line], lossy_reader)", "!gate.take(lines.readers[line], reader->position())",
           lossy_kills),
    Mutant("kill.single_lossy_line_not_left", "store", "ring/lossy_sequencer.hpp",
           "      own_->gate.template publish<A>(no_reader);", "", lossy_kills),
    Mutant("kill.single_lossy_oldest_is_being_overwritten", "value", "ring/lossy_sequencer.hpp",
           "    return lines_.producer->limit.template observe<A>() - lines_.capacity;",
           "    return cursor() - lines_.capacity;",
           Proof("tests/kill/stepkill_lossy", ("lossy_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=("dead claim",))),
    # Arenas that are taken, and lent from.
    Mutant("kill.heir_of_an_arena_begins_anew", "help", "frame/frame_writer.hpp",
           "      options.arena->resume(source_.published());\n", "", shared_loan_kills),
    Mutant("kill.lent_not_stated", "store", "frame/loan_arena.hpp",
           "    push({next_, begin, State::open});\n    state_lent();", "    push({next_, begin, State::open});",
           shared_loan_kills),
    Mutant("kill.arena_of_the_living_taken", "check", "ring/shared_lenders.hpp",
           "      if (from_the_dead ? holder == 0 || !is_dead(holder) : holder != 0) {",
           "      if (from_the_dead ? holder == 0 : holder != 0) {", shared_loan_kills),
    Mutant("kill.loan_published_before_its_record", "swap", "frame/frame_writer.hpp",
           "    auto& block = source_.block(first);\n    store_header<A>(block, header_of(first, RecordForm::loan,",
           "    source_.finish(first, 1, 1);\n    auto& block = source_.block(first);\n"
           "    store_header<A>(block, header_of(first, RecordForm::loan,", shared_loan_kills),
    Mutant("kill.loan_committed_without_room", "check", "frame/frame_writer.hpp",
           "    if (result != ring::ClaimResult::claimed) {\n      return refused(result);\n    }\n"
           "    auto& block = source_.block(first);\n    store_header<A>(block, header_of(first, RecordForm::loan,",
           "    auto& block = source_.block(first);\n    store_header<A>(block, header_of(first, RecordForm::loan,",
           shared_loan_kills),
    Mutant("kill.loan_given_up_is_published", "value", "frame/frame_writer.hpp",
           "  void cancel_loan(std::uint64_t ticket) noexcept { options_.arena->give_up(ticket); }",
           "  void cancel_loan(std::uint64_t ticket) noexcept { (void)commit_loan(ticket, 0, 1, {}, 0); }",
           shared_loan_kills),
    # Where there is no room.
    Mutant("kill.claim_in_a_full_ring", "check", "ring/sequencer.hpp",
           "      look_at_gates();\n      if (is_before(free_until_, needed)) {\n        return false;\n      }\n    }\n"
           "    const auto wanted", "      look_at_gates();\n    }\n    const auto wanted", ring_kills),
    Mutant("kill.shared_claim_in_a_full_ring", "value", "ring/shared_room.hpp",
           "earlier(gate, first_unfinished<A>(lines_, gate));", "earlier(gate, first_unfinished<A>(lines_, gate)) + 1;",
           Proof("tests/kill/stepkill_shared_ring", ("shared_ring_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=("publish, 8 of",))),
    Mutant("kill.room_over_an_unfinished_claim", "check", "ring/shared_room.hpp",
           "earlier(gate, first_unfinished<A>(lines_, gate));", "gate;", shared_kills),
    Mutant("kill.staged_stays_hidden_in_a_full_ring", "help", "frame/claim_window.hpp",
           "      flush(); // what is staged may be what the readers wait for\n", "", frame_kills),
    Mutant("kill.item_beyond_the_file", "check", "counter/counter_protocol.hpp",
           "  if (allocated == capacity) {", "  if (allocated > capacity) {", counter_kills),
    # Behind several dead claims.
    Mutant("kill.repair_ends_at_the_first", "check", "ring/shared_claims.hpp",
           "      aborted += A::compare_exchange(lines.descriptor(claim.begin), expected, descriptor_of(claim, lap));\n"
           "      A::step(\"shared.repaired\");\n",
           "      aborted += A::compare_exchange(lines.descriptor(claim.begin), expected, descriptor_of(claim, lap));\n"
           "      A::step(\"shared.repaired\");\n      break;\n", shared_kills),
    Mutant("kill.first_of_the_dead_repaired", "check", "ring/shared_owners.hpp",
           "      release_owner<A>(lines, owner, holder);\n    }\n  }\n  return aborted;",
           "      release_owner<A>(lines, owner, holder);\n      break;\n    }\n  }\n  return aborted;",
           shared_reader_kills),
    # Frames of many writers.
    Mutant("kill.shared_no_padding_at_the_wrap", "check", "ring/shared_sequencer.hpp",
           "    return is_contiguous ? std::min(count, capacity_ - (position & (capacity_ - 1))) : count;",
           "    return count;", shared_frame_kills),
    Mutant("kill.rest_of_a_claim_not_padded", "value", "frame/shared_claim.hpp",
           "      store_header<A>(block(position), padding_header(position, blocks));\n", "", shared_frame_kills),
    Mutant("kill.claim_given_up_is_published", "value", "frame/shared_claim.hpp",
           "    producer_.abort(first, reserved);\n  }\n  void give", "    producer_.publish(first, reserved);\n  }\n  void give",
           shared_frame_kills),
    Mutant("kill.half_a_message_keeps_its_buffer", "check", "frame/reassembler.cpp",
           "    if (assembly.state == State::filling && (chosen == nullptr ||",
           "    if (false && (chosen == nullptr ||",
           Proof("tests/kill/stepkill_shared_frame", ("shared_frame_stepkill.cpp", *stepkill),
                 ("frame/reassembler.cpp",), is_doctest=False, arguments=("piece by piece",))),
    # Rings that are files.
    Mutant("kill.ring_appears_before_its_members", "swap", "ring/detail/new_ring.cpp",
           "    parts->member_segment = members.appear();\n    appeared.push_back(members_part);\n"
           "    if (arena != nullptr) {\n      parts->arena_segment = arena->appear();\n"
           "      appeared.push_back(arena_part);\n    }\n    parts->ring_segment = ring.appear();\n",
           "    parts->ring_segment = ring.appear();\n    parts->member_segment = members.appear();\n"
           "    if (arena != nullptr) {\n      parts->arena_segment = arena->appear();\n    }\n",
           attach_kills("make a ring, in a file", "ring/detail/new_ring.cpp")),
    Mutant("kill.members_go_before_their_ring", "swap", "ring/detail/ring_family.cpp",
           "{std::string_view{}, members_part, arena_part}", "{members_part, std::string_view{}, arena_part}",
           attach_kills("replace a ring, few unread, at", "ring/detail/ring_family.cpp")),
    Mutant("kill.owner_shown_before_it_is_filled", "swap", "ring/owner_line.hpp",
           "  A::step(\"owner.absent\");",
           "  A::step(\"owner.absent\");\n  A::store_release(line.word, owner_word(owner.generation, owner.state));",
           attach_kills("continue a ring, few unread, at", "ring/ring_space_create.cpp")),
    Mutant("kill.place_of_a_reclaimer_lost", "check", "ring/member_protocol.hpp",
           "      default: { // a reclaiming one as well: its id has a grace anew\n",
           "      case MemberState::reclaiming: (void)exchange(line, word, word.with(MemberState::free)); break;\n"
           "      default: {\n",
           attach_kills("attach and read, few unread, at")),
    Mutant("kill.dead_newcomer_not_described", "help", "ring/shared_claims.hpp",
           "  (void)describe<A>(lines, latest);\n  std::uint64_t aborted = 0;", "  std::uint64_t aborted = 0;", attach_kills("attach as another producer, few unread, at")),
    Mutant("kill.lossy_frames_end_at_the_aborted", "help", "ring/shared_lossy_sequencer.hpp",
           "    begin_at(claim.end());\n    return true;", "    return false;",
           Proof("tests/kill/stepkill_shared_frame", ("shared_frame_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=("behind 2 dead claims, 13 of",))),
    Mutant("kill.lossy_frames_padding_is_a_message", "check", "frame/lossy_frame_reader.hpp",
           "    case RecordForm::padding: return ReadResult::empty;",
           "    case RecordForm::padding: view = {{}, header.kind, header.position}; return ReadResult::message;",
           frame_kills),
    Mutant("kill.heir_lends_what_is_unread_behind_dead_claims", "value", "frame/loan_arena.hpp",
           "    push({next_, cursor, State::published});\n    state_lent();",
           "    push({next_, cursor, State::given_up});\n    state_lent();",
           Proof("tests/kill/stepkill_shared_loan", ("shared_loan_stepkill.cpp", *stepkill), is_doctest=False,
                 arguments=("too early, 100 bytes, 12 unread, 2 dead",))),
    # The arena of a ring's only writer.
    Mutant("kill.lent_before_it_came_back", "value", "frame/loan_arena.hpp",
           "    return begin + bytes - returned_ <= memory_.size()", "    return begin + bytes - returned_ <= memory_.size() + bytes",
           loan_kills("be refused by a full")),
    Mutant("kill.floor_of_the_first_loan_only", "value", "frame/loan_arena.hpp",
           "    A::store_release(lines_.floor, loans_[(first_ticket_ + number - 1) & (loans_.size() - 1)].end);",
           "    A::store_release(lines_.floor, loans_[first_ticket_ & (loans_.size() - 1)].end);",
           loan_kills("lend when all has come back")),
    Mutant("kill.end_of_the_arena_not_left_out", "value", "frame/loan_arena.hpp",
           "    return bytes > left ? next_ + left : next_;", "    return bytes > left ? next_ + bytes - left : next_;",
           loan_kills("lend around the end")),
    # Readers of frames.
    Mutant("kill.padding_keeps_its_message", "help", "frame/frame_reader.hpp",
           "    skip_padding();\n", "", frame_reader_kills("fragments one by one, of many")),
    Mutant("kill.held_view_is_given_back", "check", "frame/frame_reader.hpp",
           "    const auto to = held_count_ != 0 ? held_[held_first_].record : next_;", "    const auto to = next_;",
           frame_reader_kills("small ones two in hand, of one")),
    Mutant("kill.given_back_before_it_is_handled", "swap", "frame/frame_reader.hpp",
           "      ++result.messages;\n      const ReleaseBuffer",
           "      ++result.messages;\n      (void)release_read();\n      const ReleaseBuffer",
           frame_reader_kills("small ones one by one, of one")),
    Mutant("kill.fragments_given_back_as_they_come", "swap", "frame/frame_reader.hpp",
           "    case AssemblyResult::taken: return ReadResult::empty;",
           "    case AssemblyResult::taken: (void)release_read(); return ReadResult::empty;",
           fragment_kills("sAAAs!s of 500 bytes, read at once, of one")),
    Mutant("kill.heir_is_not_told_of_the_last_fragment", "value", "frame/frame_reader.hpp",
           "    case AssemblyResult::ignored: ++counts_.fragments_lost; return ReadResult::empty;",
           "    case AssemblyResult::ignored:\n      counts_.fragments_lost += header.form != RecordForm::last || "
           "counts_.fragments_lost == 0 ? 1 : 0;\n      return ReadResult::empty;",
           fragment_kills("sA|A!As of 500 bytes, read at once, of one")),
    # Calls whose payloads lie in arenas.
    Mutant("kill.reply_stamped_before_its_block", "swap", "call/lane_server.hpp",
           "    A::store_release(header.stamp, position + 1);\n    A::step(\"lane.replied\");",
           "    A::store_relaxed(header.payload, std::uint64_t{0});\n    A::store_release(header.stamp, position + 1);\n"
           "    A::store_relaxed(header.payload, payload);\n    A::step(\"lane.replied\");",
           large_kills("large_serve", "answer, 0 read")),
    Mutant("kill.request_published_before_its_bytes", "swap", "call/caller_lane_impl.hpp",
           "      publish(claim.position, delivery);\n      return {StartStatus::started, claim.position};\n"
           "    case ClaimKind::late",
           "      std::memset(block.bytes.data(), 0, block.bytes.size());\n      publish(claim.position, delivery);\n"
           "      std::memcpy(block.bytes.data(), payload.data(), block.bytes.size());\n"
           "      return {StartStatus::started, claim.position};\n    case ClaimKind::late",
           large_kills("large_call", "call, 0 before a wrap")),
    Mutant("kill.reply_block_lent_while_it_is_read", "check", "call/server_lane_impl.hpp",
           "    const bool released = lane_.is_released(entry.position);", "    const bool released = true;",
           large_kills("large_serve", "answer in what came back")),
    Mutant("kill.reply_block_given_back_stays_away", "help", "call/server_lane_impl.hpp",
           "    collect_released();\n", "", large_kills("large_serve", "answer in what came back")),
    Mutant("kill.refused_call_keeps_its_block", "help", "call/caller_lane_impl.hpp",
           "    free_block(block.payload);\n    return Started{status, 0};", "    return Started{status, 0};",
           large_kills("large_serve", "answer, 0 read")),
    Mutant("kill.reply_given_back_is_not_told", "store", "call/lane_caller_impl.hpp",
           "    A::store_release(cold(position).released, position + 1);\n", "",
           large_kills("large_call", "give back and call")),
    Mutant("kill.late_calls_keep_their_blocks", "help", "call/caller_lane_impl.hpp",
           "    lane_.take_late([this](std::uint64_t position) { release(position); });\n", "",
           large_kills("large_call", "free what was answered late")),
    Mutant("kill.larger_block_begins_empty", "store", "call/server_lane_impl.hpp",
           "    std::memcpy(block.bytes.data(), before.data(), std::min<std::size_t>(keep_bytes, before.size()));\n", "",
           large_kills("large_serve", "answer piece by piece, 1 read")),
    Mutant("kill.empty_reply_keeps_its_block", "help", "call/server_lane_impl.hpp",
           "    reply_arenas_.free(block.payload);\n    return 0;", "    return 0;",
           large_kills("large_serve", "answer with nothing")),
    Mutant("kill.abandoned_request_is_freed", "help", "call/caller_lane_impl.hpp",
           "  lane_.abandon(position);\n  announce_free_slot();",
           "  free_block(lane_.request_payload_word(position));\n  lane_.abandon(position);\n  announce_free_slot();",
           large_kills("large_call", "give up and call")),
    # Deploys.
    Mutant("kill.drained_past_a_thread_inside", "value", "fleet/epoch.hpp",
           "      if (inside != 0 && inside < epoch) {", "      if (inside != 0 && inside + 1 < epoch) {",
           deploy_kills("a thread is inside")),
    Mutant("kill.epoch_not_entered", "store", "fleet/epoch.hpp",
           "      A::store_relaxed(line_.inside, seen);\n", "", deploy_kills("while the route flips")),
    Mutant("kill.unloaded_module_keeps_its_runners", "store", "fleet/route.hpp",
           "      A::store_release(copy.modules[number], std::uint64_t{0});\n", "", deploy_kills("the scheduler unloads")),
    Mutant("kill.served_after_the_close", "check", "call/lane_server.hpp",
           "  if (A::load_acquire(header.stamp) != next_ + 1 || closed_) {",
           "  if (A::load_acquire(header.stamp) != next_ + 1) {", deploy_kills("a client moves", *lane_handles)),
    Mutant("kill.last_call_before_the_close_stays", "value", "call/lane_caller_impl.hpp",
           "  return ring::is_before(position, closed) ? CloseVerdict::will_be_answered : CloseVerdict::never_executed;",
           "  return !ring::is_before(closed, position) ? CloseVerdict::will_be_answered : CloseVerdict::never_executed;",
           deploy_kills("a client moves", *lane_handles)),
    Mutant("kill.begun_call_moves", "check", "call/lane_fate.hpp",
           "      if (position - range.first < range.count) {\n        return Fate::started;\n      }\n", "",
           deploy_kills("the old runner drains, 2 of", *lane_handles)),
    Mutant("kill.lane_not_opened", "store", "call/lane_server.hpp",
           "    A::store_release(control().closed, lane_is_open);\n", "",
           deploy_kills("a candidate takes", *lane_handles)),
    # Seen by a reader whose memory changes between two of its instructions.
    Mutant("kill.flip_length_not_checked", "check", "frame/record.hpp",
           "  if (blocks > end - position || blocks > to_wrap || blocks > blocks_max) {",
           "  if (blocks > to_wrap || blocks > blocks_max) {", frame_flips),
    # The other side changes its words meanwhile.
    Mutant("flip.room_believes_a_gate", "check", "ring/shared_room.hpp",
           "earlier(gate, first_unfinished<A>(lines_, gate));", "gate;", flips_of("ring", "beside an open claim")),
    Mutant("flip.one_gate_hides_the_others", "check", "ring/sequencer.hpp",
           "      if (is_gating(gate) && slowest.is_slower(gate)",
           "      if (!is_gating(gate)) {\n        break;\n      }\n      if (is_gating(gate) && slowest.is_slower(gate)",
           flips_of("producer", "a producer claims")),
    Mutant("flip.follower_believes_a_gate", "check", "ring/followed.hpp", "      } else if (is_before(gate, least)) {",
           "      } else {", flips_of("ring", "a reader that follows")),
    Mutant("flip.request_length_read_twice", "check", "call/lane_server.hpp",
           "    out.payload = inline_bytes.first(bytes);",
           "    out.payload = inline_bytes.first(A::load_relaxed(header.payload_bytes));",
           flips_of("call", "requests")),
    Mutant("flip.shape_read_twice", "check", "ring/ring_space_attach.cpp",
           "    parts->carve(shape);", "    parts->carve(detail::take_shape(parts->ring_segment));",
           Proof("tests/kill/flip_member", ("member_flip.cpp", "../allocations.cpp", *flips), ("ring/ring_space_attach.cpp",), is_doctest=False,
                 arguments=("a reader attaches",))),
    Mutant("flip.line_of_another", "check", "ring/member_protocol.hpp",
           "        const bool is_spare = word.state == MemberState::free ||",
           "        const bool is_spare = word.state != MemberState::claiming ||", flips_of("member", "claimed by")),
    Mutant("flip.line_without_end", "check", "ring/member_protocol.hpp",
           "tries < tries_max && word.has_actor() &&", "word.has_actor() &&",
           Proof("tests/ring/shared_ring_test", ("fickle_peer_test.cpp",))),
    Mutant("flip.wait_beyond_its_deadline", "check", "ring/barrier.hpp",
           "    return deadline != never && os::Host<A>::now() >= deadline;",
           "    (void)deadline;\n    return false;", Proof("tests/ring/shared_ring_test", ("fickle_peer_test.cpp",))),
]
