"""Frames and loans: what is written, in which order it is published, and when it may be overwritten."""

from kill_mutants import frame_kills
from mutant import Mutant, Proof

frame_loans = Proof("tests/frame/frame_test", ("loan_test.cpp", "../allocations.cpp"))
frame_lossy = Proof("tests/frame/frame_test", ("lossy_test.cpp", "../allocations.cpp"))
frame_model = Proof("tests/frame/frame_test", ("frame_model_test.cpp", "../allocations.cpp"))
frames = Proof("tests/frame/frame_test", ("frame_test.cpp", "../allocations.cpp"))
hostile_frames = Proof("tests/frame/frame_test", ("frame_hostile_test.cpp", "../allocations.cpp"))
loans = Proof("tests/explore/explore_loan_test", ("loan_test.cpp",))
shared_frames = Proof("tests/frame/frame_test", ("shared_frame_test.cpp", "../allocations.cpp"))

FRAMED = [
    # Loans.
    Mutant("loan.floor_not_stated", "store", "frame/loan_arena.hpp",
           "    A::store_release(lines_.floor, loans_[(first_ticket_ + number - 1) & (loans_.size() - 1)].end);\n", "",
           loans),
    Mutant("loan.no_second_look", "check", "frame/loan_arena.hpp",
           "    const auto still = std::min(number, passed(slowest_gate()));", "    const auto still = number;", loans),
    Mutant("loan.no_barrier_after_floor", "barrier", "frame/loan_arena.hpp",
           "    A::step(\"arena.floor_stated\");\n    A::store_load_barrier();", "    A::step(\"arena.floor_stated\");",
           loans),
    Mutant("loan.open_ones_come_back", "check", "frame/loan_arena.hpp",
           "      if (entry.state == State::open || (entry.state",
           "      if ((entry.state", frame_loans),
    Mutant("loan.lossy_does_not_ask", "check", "frame/lossy_frame_reader.hpp",
           "    if (options_.arenas->template is_void<A>(loan)) {\n      ++counts_.loans_void;\n      return "
           "ReadResult::empty;\n    }\n", "", frame_lossy),

    # Frames.
    Mutant("frame.length_not_checked", "check", "frame/record.hpp",
           "  if (blocks > end - position || blocks > to_wrap || blocks > blocks_max) {",
           "  if (blocks > to_wrap || blocks > blocks_max) {", hostile_frames),
    Mutant("frame.wrap_not_checked", "check", "frame/record.hpp",
           "  if (blocks > end - position || blocks > to_wrap || blocks > blocks_max) {",
           "  if (blocks > end - position || blocks > blocks_max) {", hostile_frames),
    Mutant("frame.position_not_checked", "check", "frame/record.hpp",
           "  if (header.position != position) {\n    return RecordFault::position;\n  }\n", "", hostile_frames),
    Mutant("frame.no_padding_at_the_wrap", "check", "frame/claim_window.hpp",
           "    return count > to_wrap ? to_wrap : 0;", "    return count > to_wrap + 1 ? to_wrap : 0;", frames),
    Mutant("frame.half_message_not_aborted", "help", "frame/frame_writer.hpp",
           "          owed_abort_ = message;\n          is_abort_owed_ = true;\n          (void)settle_abort();",
           "          owed_abort_ = message;", frame_model),
    Mutant("frame.published_before_its_header", "swap", "frame/frame_writer.hpp",
           "    store_header<A>(source_.block(first), header_of(first, RecordForm::data, bytes, options.kind));\n"
           "    source_.finish(first, reserved, blocks_of(bytes));\n    is_claimed_ = false;\n"
           "    committed(first, options.publish);",
           "    source_.finish(first, reserved, blocks_of(bytes));\n    is_claimed_ = false;\n"
           "    committed(first, options.publish);\n"
           "    store_header<A>(source_.block(first), header_of(first, RecordForm::data, bytes, options.kind));",
           frame_kills),
    Mutant("shared_frames.place_before_what_a_wait_skipped", "check", "frame/frame_reader.hpp",
           "    return ring::is_before(next_, reader_.position()) ? reader_.position() : next_;\n  }\n",
           "    return next_;\n  }\n", shared_frames),
]
