"""Weakened memory orders: release or acquire made relaxed, edge by edge of docs/memory-model.md.

Most are noticed by the explorer on machines that reorder stores and loads (tests/explore); those whose accesses are
outside of the atomics policy's reach by ThreadSanitizer. What only an exchange publishes cannot be weakened here: the
policy has one order for it.
"""

from mutant import Mutant, Proof

# The test cases that walk on weaker machines.
REORDERED = ("--test-case=*reorders*",)
edges = Proof("tests/explore/explore_edges_test", ("edge_test.cpp",))
ring = Proof("tests/explore/explore_ring_test", ("ring_test.cpp",), arguments=REORDERED)
shared = Proof("tests/explore/explore_shared_ring_test", ("shared_ring_test.cpp",), arguments=REORDERED)
members = Proof("tests/explore/explore_members_test", ("member_test.cpp",), arguments=REORDERED)
loans = Proof("tests/explore/explore_loan_test", ("loan_test.cpp",), arguments=REORDERED)
waits = Proof("tests/explore/explore_wait_test", ("wait_test.cpp",), arguments=REORDERED)
lanes = Proof("tests/explore/explore_lane_test", ("lane_test.cpp",), arguments=REORDERED)
epochs = Proof("tests/explore/explore_epoch_test", ("epoch_test.cpp",), arguments=REORDERED)
counters = Proof("tests/explore/explore_counter_test", ("counter_test.cpp",), arguments=REORDERED)


def release(edge, file, access, proof, survives=""):
    """`access` is the call without its verb: "A::store_release" in front of it becomes relaxed."""
    return Mutant(f"order.{edge}.release", "order", file, f"A::store_release{access}", f"A::store_relaxed{access}", proof,
                  survives)


def acquire(edge, file, access, proof, survives="", before=""):
    return Mutant(f"order.{edge}.acquire", "order", file, f"{before}A::load_acquire{access}",
                  f"{before}A::load_relaxed{access}", proof, survives)


WEAKENED = [
    # Rings with one producer.
    release("ring.sequence", "ring/sequence.hpp", "(value, position);", edges),
    acquire("ring.sequence", "ring/sequence.hpp", "(value);", edges,
            before="pairs with release in publish.\n    return "),
    release("ring.sequence.of_a_ring", "ring/sequence.hpp", "(value, position);", ring),
    acquire("ring.sequence.of_a_ring", "ring/sequence.hpp", "(value);", ring,
            before="pairs with release in publish.\n    return "),
    release("ring.bell", "ring/bell.hpp", "(bell, A::load_relaxed(bell) + 1);", waits,
            survives="a bell that is seen too early is slept on, and the wake behind it, a system call, ends that "
                     "sleep"),
    acquire("ring.bell", "ring/bell.hpp", "(bell), shared_});", waits,
            survives="the barrier of announce_wait lies between the bell and the last look"),
    release("ring.stop", "ring/stop_word.hpp", "(word_, 1U);", edges),
    acquire("ring.stop", "ring/stop_word.hpp", "(word_) != 0;", edges),
    release("ring.parking", "ring/parking.hpp", "(flag, sequence);", waits,
            survives="the barrier behind it orders what follows, and whoever sees the flag learns nothing else from "
                     "it"),
    release("ring.evict", "ring/sequencer.hpp", "(lines_.evicted[line], incarnation);", ring,
            survives="the barrier behind it orders what is overwritten, and whoever sees the mark learns nothing else "
                     "from it"),
    release("ring.began", "ring/gate.hpp", "(line_->began, position_ + 1);", edges),
    release("ring.began.left", "ring/gate.hpp", "(line_->began, std::uint64_t{0});", members,
            survives="looked at of a dead reader only, whose stores have all arrived; of a living one the release of "
                     "the gate behind it keeps it before the gate"),
    acquire("ring.began", "ring/member_protocol.hpp", "(readers_[line].began);", members,
            survives="looked at of a dead reader only, behind the proof of its death"),
    release("ring.closed", "ring/sequencer.hpp", "(producer_->closed, std::uint64_t{1});", edges),
    acquire("ring.closed", "ring/reader_sequencer.hpp", "(lines_.producer->closed) != 0;", edges),
    acquire("ring.closed.lossy", "ring/lossy_sequencer.hpp", "(lines_.producer->closed) != 0;", edges),
    release("ring.closed.many", "ring/shared_sequencer.hpp", "(shared_->closed, std::uint64_t{1});", edges),
    acquire("ring.closed.many", "ring/shared_reader_sequencer.hpp", "(lines_.shared->closed) != 0;", edges),
    acquire("ring.closed.many_lossy", "ring/shared_lossy_sequencer.hpp", "(lines_.shared->closed) != 0;", edges),

    # Rings with many producers.
    release("shared.descriptor", "ring/shared_sequencer.hpp",
            "(lines().descriptor(first), descriptor_of(claim, lines().lap(first)));", shared),
    acquire("shared.descriptor", "ring/shared_claims.hpp", "(lines.descriptor(position));", shared),
    acquire("shared.descriptor.single", "ring/shared_reader_sequencer.hpp", "(lines_.descriptor(walked)), lines_.lap(walked))) {",
            shared),
    acquire("shared.tail", "ring/shared_claims.hpp", "(lines.shared->tail);", shared, before="  auto word = ",
            survives="used only if a second load, which acquires, shows the same word"),
    acquire("shared.tail.helper", "ring/shared_claims.hpp", "(lines.shared->tail) != tail_word(latest)) {", shared,
            survives="the load of the cell before it acquires, so it is not done earlier than that; what follows is "
                     "an exchange, which acquires"),
    acquire("shared.granted", "ring/shared_room.hpp", "(lines_.shared->granted);", shared,
            survives="whoever writes there has claimed first, by an exchange behind a branch on it: no processor "
                     "stores earlier. The language promises that to an acquire only"),
    acquire("shared.owner", "ring/shared_claims.hpp", "(lines.owners->identity[owner]) != identity) {", shared,
            survives="the load of the tail before it acquires, so it is not done earlier than that; what follows are "
                     "exchanges, which acquire"),
    release("shared.lender", "ring/shared_lenders.hpp", "(lenders[number - 1], std::uint64_t{0});", edges),

    # Members and owners.
    release("owner.absent", "ring/owner_line.hpp", "(line.word, owner_word(before, OwnerState::absent));", members,
            survives="the fields behind it are releases, which do not pass it, and whoever sees it learns nothing "
                     "from before"),
    release("owner.word", "ring/owner_line.hpp", "(line.word, owner_word(owner.generation, owner.state));", members),
    acquire("owner.word", "ring/owner_line.hpp", "(line.word);", members),
    release("owner.fields", "ring/owner_line.hpp", "(line.start_ticks, owner.process.start_time_ticks);", members),
    release("owner.fields.pid", "ring/owner_line.hpp", "(line.pid, static_cast<std::uint32_t>(owner.process.pid));", members),
    acquire("owner.fields", "ring/owner_line.hpp", "(line.start_ticks);", members),
    acquire("owner.fields.pid", "ring/owner_line.hpp", "(line.pid));", members),
    release("member.line", "ring/member_protocol.hpp", "(lines_[line].word, word.pack());", edges),
    acquire("member.line", "ring/member_protocol.hpp", "(lines_[line].word));", edges),
    release("member.id", "ring/member_protocol.hpp", "(mine.id[i], id[i]);", members,
            survives="the barrier behind it orders the looks at the other lines; the exchange before it is a barrier "
                     "as well"),
    acquire("member.id", "ring/member_protocol.hpp", "(lines_[line].id[i]);", members,
            survives="what is decided by it is decided behind a barrier (confirm_id) or by an exchange or a second "
                     "look at the word of the line"),
    release("arena.floor", "frame/loan_arena.hpp",
            "(lines_.floor, loans_[(first_ticket_ + number - 1) & (loans_.size() - 1)].end);", loans,
            survives="the barrier behind it orders what is lent, and whoever sees the floor learns nothing else from "
                     "it"),

    # Lanes.
    release("lane.tail", "call/lane_caller_impl.hpp", "(tail_hint_, position + 1);", lanes,
            survives="a hint: the words of the slots decide"),
    acquire("lane.tail", "call/lane_caller_impl.hpp", "(tail_hint_);", lanes,
            before="that every earlier position is claimed.\n  auto position = ",
            survives="a hint: the words of the slots decide"),
    release("lane.slot", "call/lane_caller_impl.hpp", "(slot.word, slot_word(position + shape_.slots, SlotState::free));", edges),
    release("lane.slot.state", "call/lane_caller.hpp", "(local(position).word, slot_word(position, to));", edges),
    acquire("lane.slot", "call/lane_caller_impl.hpp", "(local(position).word);", edges,
            before="release in store_state and release().\n    auto word = ",
            survives="whoever goes on to use the slot takes it by an exchange, which acquires"),
    release("lane.request", "call/lane_caller_impl.hpp", "(request(position).stamp, position + 1);", edges),
    acquire("lane.request", "call/lane_server.hpp", "(header.stamp) != next_ + 1 || closed_) {", edges),
    release("lane.reply", "call/lane_server.hpp", "(header.stamp, position + 1);", edges),
    acquire("lane.reply", "call/lane_caller_impl.hpp", "(header.stamp);", lanes),
    acquire("lane.reply.has_stamp", "call/lane_caller.hpp", "(header.stamp) == position + 1;", edges),
    release("lane.released", "call/lane_caller_impl.hpp", "(cold(position).released, position + 1);", edges),
    acquire("lane.released", "call/lane_server.hpp", "(cold(position).released);", edges),
    release("lane.progress", "call/lane_server.hpp", "(line.first_stamp, position + 1);", edges),
    acquire("lane.progress", "call/lane_caller_impl.hpp", "(line.first_stamp);", edges),
    release("lane.progress.finished", "call/lane_server.hpp", "(progress(worker).first_stamp, std::uint64_t{0}); }", lanes,
            survives="calls are classified when their runner is dead, and all its stores have arrived"),
    release("lane.closed", "call/lane_server.hpp", "(control().closed, next_);", edges),
    release("lane.closed.bell", "call/lane_server.hpp", "(control().closed_bell, std::uint32_t{1});", edges),
    acquire("lane.closed", "call/lane_caller.hpp", "(control().closed) != lane_is_open;", edges),
    acquire("lane.closed.of_a_call", "call/lane_caller_impl.hpp", "(control().closed);", edges,
            before="pairs with release in LaneServer::close.\n  const auto closed = "),
    release("lane.dead", "call/caller_lane_impl.hpp", "(dead_, std::uint32_t{1});", edges),
    acquire("lane.dead", "call/caller_lane.hpp", "(dead_) != 0; }", edges),
    acquire("obituary", "memory/obituary.hpp", "(word_);", edges),

    # Words of one process, routes and epochs.
    release("words_of_one_process", "base/process_word.hpp", "(value_, value);", edges),
    acquire("words_of_one_process", "base/process_word.hpp", "(value_);", edges),
    release("route.words", "fleet/route.hpp", "(copy.modules[module.number], pack(", epochs,
            survives="the word was emptied by a release before, and no store passes another one to the same word"),
    release("route.words.emptied", "fleet/route.hpp", "(copy.modules[number], std::uint64_t{0});", epochs),
    release("route.words.targets", "fleet/route.hpp", "(copy.targets[first + i], module.runners[i]);", epochs),
    acquire("route.words", "fleet/route.hpp", "(copy.modules[number]));", epochs),
    acquire("route.words.targets", "fleet/route.hpp", "(copy.targets[entry.first + i]));", epochs),
    release("route.epoch", "fleet/route.hpp", "(layout_.epoch, next);", epochs),
    acquire("route.epoch", "fleet/route.hpp", "(layout_->epoch);", epochs),
    release("epoch.leave", "fleet/epoch.hpp", "(line_.inside, std::uint64_t{0});", edges),
    acquire("epoch.leave", "fleet/epoch.hpp", "(line.inside);", edges),

    # Counters.
    release("counter.item", "counter/counter_protocol.hpp", "(item.kind, static_cast<std::uint32_t>(kind));", counters),
    release("counter.owner", "counter/counter_protocol.hpp", "(owner.pid, pid);", edges),
    release("counter.text", "counter/counter_protocol.hpp", "(item.writes, writes);", counters),
]
