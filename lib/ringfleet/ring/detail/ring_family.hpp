#pragma once

// The files of one named ring, seen as files: for whoever holds the ring's lock.

#include "ringfleet/memory/place.hpp"
#include "ringfleet/memory/segment_layout.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ringfleet::ring::detail {

// What a segment of ours says that it is, however short it is or wrong otherwise; empty: it is none, or cannot be read.
[[nodiscard]] std::optional<memory::SegmentKind> stated_kind(const std::string& path);

// Does it belong to the ring under whose name it lies? `part`: as in Place::path. A segment of another kind is somebody
// else's, wherever it lies. Otherwise the name is ours alone in shared memory; among a user's files the content has to
// say so as well.
[[nodiscard]] bool is_part(memory::Backing backing, std::string_view part, const std::string& path);

// What a killed creator left unfinished.
void remove_unfinished(const memory::Place& place);

// Before a ring that is there is removed: tells those who have it mapped that it will never be produced again. What is
// no ring of ours, or lies where its members or its arena would, is Error(wrong_state): its removal is for people to
// decide. Damaged ones have nobody to tell.
void retire(const memory::Place& place);

// The ring first, so that nobody finds a ring without its members. The lock stays. Where what lies there under the name
// of members or arena is somebody else's nothing is removed: Error(wrong_state).
void remove_family(const memory::Place& place);

} // namespace ringfleet::ring::detail
