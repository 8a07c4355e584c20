"""Mistakes seen by whoever is killed at every instruction, or whose memory changes at every instruction."""

from mutant import Mutant, Proof

stepkill = ("stepkill.cpp", "stepper.cpp", "watchdog.cpp")
ring_kills = Proof("tests/kill/stepkill_ring", ("ring_stepkill.cpp", *stepkill), is_doctest=False)
shared_kills = Proof("tests/kill/stepkill_shared_ring", ("shared_ring_stepkill.cpp", *stepkill), is_doctest=False)
frame_kills = Proof("tests/kill/stepkill_frame", ("frame_stepkill.cpp", *stepkill), is_doctest=False)
call_kills = Proof("tests/kill/stepkill_call", ("call_stepkill.cpp", *stepkill), is_doctest=False)
counter_kills = Proof("tests/kill/stepkill_counter", ("counter_stepkill.cpp", *stepkill), is_doctest=False)
flips = ("flip.cpp", "intrusion.cpp", "watchdog.cpp")
frame_flips = Proof("tests/kill/flip_frame", ("frame_flip.cpp", *flips), is_doctest=False)

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
           "      if (end != finished_end_ && !describe<A>(lines_, latest)) [[unlikely]] {\n"
           "        word = A::load_acquire(shared_->tail);\n        continue;\n      }\n", "", shared_kills),
    Mutant("kill.repair_describes_nothing", "help", "ring/shared_claims.hpp",
           "  (void)describe<A>(lines, latest);\n  std::uint64_t aborted = 0;", "  std::uint64_t aborted = 0;", shared_kills),
    Mutant("kill.position_not_kept", "order", "ring/member_protocol.hpp",
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
    # Seen by a reader whose memory changes between two of its instructions.
    Mutant("kill.flip_length_not_checked", "check", "frame/record.hpp",
           "  if (blocks > end - position || blocks > to_wrap || blocks > blocks_max) {",
           "  if (blocks > to_wrap || blocks > blocks_max) {", frame_flips),
]
