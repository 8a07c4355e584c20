#pragma once

// Layer 0: a ring of slots of T, one producer, readers that each see every element. The memory is given: the producer's
// lines, one line for each reader, and the slots, in one memory or in several. Elements are written and read in place.
//
//   producer: claim → fill the slots → publish        reader: wait → read the slots → release
//
// A reader that does not release stops the producer (back-pressure). A dead reader does as well, until whoever knows
// that it is dead vacates its line. A stage of a pipeline is a reader that follows other readers.

#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/producer.hpp"
#include "ringfleet/ring/reader.hpp"
#include "ringfleet/ring/ring_memory.hpp"
