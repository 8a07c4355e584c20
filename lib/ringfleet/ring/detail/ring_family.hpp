#pragma once

// The files of one named ring, seen as files: for whoever holds the ring's lock.

#include "ringfleet/memory/place.hpp"

namespace ringfleet::ring::detail {

// What a killed creator left unfinished.
void remove_unfinished(const memory::Place& place);

// Before a ring that is there is removed: tells those who have it mapped that it will never be produced again. What is
// no ring of ours is Error(wrong_state): its removal is for people to decide. Damaged ones have nobody to tell.
void retire(const memory::Place& place);

// The ring first, so that nobody finds a ring without its members. The lock stays.
void remove_family(const memory::Place& place);

} // namespace ringfleet::ring::detail
