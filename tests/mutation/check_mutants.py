"""Checks of what somebody else wrote that are dropped: when a segment or a ring is attached, a message is decoded, a
control message is received."""

from mutant import Mutant, Proof

segments = Proof("tests/memory/memory_test", ("segment_test.cpp",), ("memory/segment.cpp",))
headers = Proof("tests/memory/memory_test", ("segment_test.cpp",), ("memory/detail/segment_header.cpp",))
carver = Proof("tests/memory/memory_test", ("carver_test.cpp",))
shapes = Proof("tests/ring/ring_space_test", ("attach_test.cpp",), ("ring/detail/ring_shape.cpp",))
descriptors = Proof("tests/ring/ring_space_test", ("attach_test.cpp",), ("ring/ring_space_attach.cpp",))
named = Proof("tests/ring/ring_space_test", ("attach_test.cpp",), ("memory/segment.cpp",))
wishes = Proof("tests/ring/ring_space_test", ("ring_wishes_test.cpp",), ("ring/detail/space_parts.cpp",))
raw_codec = Proof("tests/codec/codec_test", ("../allocations.cpp", "raw_test.cpp"))
scans = Proof("tests/ring/ring_space_test", ("members_scan_test.cpp", "../allocations.cpp"), ("ring/members.cpp",))
rooms = Proof("tests/ring/shared_ring_test", ("shared_interrupted_test.cpp",))
messages = Proof("tests/call/call_lane_test", ("control_message_test.cpp",), ("call/control_message.cpp",))

UNCHECKED = [
    # Segments.
    Mutant("segment.size_of_the_file_not_checked", "check", "memory/segment.cpp",
           "  if (header.body_bytes != facts.size_bytes - segment_body_offset) {",
           "  if (false) {", segments),
    Mutant("segment.sparse_file_accepted", "check", "memory/segment.cpp",
           "  if (facts.allocated_bytes < facts.size_bytes) {", "  if (false) {", segments),
    Mutant("segment.writer_takes_unsealed_size", "check", "memory/segment.cpp",
           "  if (!os::has_size_seals(facts.seals)) {", "  if (false) {", segments),
    Mutant("segment.reader_takes_second_writer", "check", "memory/segment.cpp",
           "  if (!many_writers && !os::has_single_writer_seals(facts.seals)) {", "  if (false) {", segments),
    Mutant("segment.mode_not_checked", "check", "memory/segment.cpp",
           "  if ((facts.mode & ~trust.mode_max) != 0) {", "  if (false) {", named),
    Mutant("segment.kind_not_checked", "check", "memory/detail/segment_header.cpp",
           "  require(header.kind == kind, label,", "  require(true, label,", headers),
    Mutant("segment.minimum_not_checked", "check", "memory/detail/segment_header.cpp",
           "  if (header.body_bytes < expected.body_bytes_min) {", "  if (false) {", headers),
    Mutant("segment.checksum_not_checked", "check", "memory/detail/segment_header.cpp",
           "  require(header.checksum == checksum_of(header), label,", "  require(true, label,", headers),
    Mutant("segment.carved_beyond_its_end", "check", "memory/carver.hpp",
           "count > (left - padding) / sizeof(T)) {", "count * sizeof(T) > left - padding) {", carver),

    # Rings that somebody else made.
    Mutant("attach.wishes_not_for_the_member_table", "check", "ring/detail/space_parts.cpp",
           "wanted, members_access, expected.trust, expected.mapping);", "wanted, members_access, expected.trust);", wishes),
    Mutant("attach.capacity_not_checked", "check", "ring/detail/ring_shape.cpp",
           "  require(shape.capacity <= limits::ring_capacity_max && is_power_of_two(shape.capacity), label,",
           "  require(shape.capacity <= limits::ring_capacity_max, label,", shapes),
    Mutant("attach.size_not_checked", "check", "ring/detail/ring_shape.cpp",
           "  require(shape.capacity * shape.unit_bytes <= limits::ring_bytes_max, label,", "  require(true, label,", shapes),
    Mutant("attach.claim_table_not_checked", "check", "ring/detail/ring_shape.cpp",
           "  require(shape.claim_bytes == claim_bytes_of(shape), label,", "  require(true, label,", shapes),
    Mutant("attach.element_size_not_compared", "check", "ring/detail/ring_shape.cpp",
           "  if (facts.unit_bytes != expected.unit_bytes) {", "  if (false) {", shapes),
    Mutant("attach.descriptors_not_counted", "check", "ring/ring_space_attach.cpp",
           "  if (descriptors.size() < 2 || descriptors.size() > 3) {", "  if (false) {", descriptors),

    # Whether an unfinished claim of many producers is still in the way.
    Mutant("room.undescribed_claim_holds_nobody_up", "check", "ring/shared_room.hpp",
           "      return fate == Fate::claimed || (fate == Fate::none && latest.begin == blocker.position && latest.length != 0);",
           "      (void)latest;\n      return fate == Fate::claimed;", rooms),
    Mutant("room.described_claim_holds_nobody_up", "check", "ring/shared_room.hpp",
           "      return fate == Fate::claimed || (fate == Fate::none &&", "      return (fate == Fate::none &&", rooms),
    Mutant("room.claim_of_nobody_holds_up", "check", "ring/shared_room.hpp",
           " && latest.length != 0);", ");", rooms),
    Mutant("room.every_place_without_a_claim_holds_up", "check", "ring/shared_room.hpp",
           "fate == Fate::none && latest.begin == blocker.position && ", "fate == Fate::none && ", rooms),

    Mutant("members.line_that_never_rests_holds_the_scan", "check", "ring/members.cpp",
           "  for (int tries = 0; tries < tries_max; ++tries) {", "  for (int tries = 0; tries < tries_max || true; ++tries) {",
           scans),

    # Messages.
    Mutant("codec.raw_length_not_checked", "check", "codec/raw.hpp",
           "    if (in.size() != sizeof(T)) {\n      return false;\n    }\n", "", raw_codec),
    Mutant("codec.raw_view_not_aligned", "check", "codec/raw.hpp",
           "    if (in.size() != sizeof(T) || !is_aligned(in.data())) {", "    if (in.size() != sizeof(T)) {", raw_codec),
    Mutant("control.short_packet_accepted", "check", "call/control_message.cpp",
           "  if (received.bytes < sizeof header) {", "  if (false) {", messages),
    Mutant("control.version_not_checked", "check", "call/control_message.cpp",
           "  if (header.version != control_version) {", "  if (false) {", messages),
    Mutant("control.lengths_not_checked", "check", "call/control_message.cpp",
           "  if (header.text_bytes != received.bytes - sizeof header || header.descriptors != received.descriptors.size()) {",
           "  if (false) {", messages),
]
