// A lossy reader never takes a copy for whole that the producer was overwriting: ring/lossy_sequencer.hpp against
// ring/sequencer.hpp. An element is two words, so that a copy can be torn. Store buffers are explicit.
//
// run TWO_SLOTS: -DCAPACITY=2 -DSTEP=1
// run TWO_SLOTS_BY_STEPS: -DCAPACITY=2 -DSTEP=2
// mutant CHECKS_THE_CURSOR in TWO_SLOTS: first==(position+1)
// mutant CHECK_OFF_BY_ONE in TWO_SLOTS: first==(position+1)
// mutant NO_CHECK in TWO_SLOTS: first==(position+1)
// mutant LIMIT_NOT_STATED in TWO_SLOTS: first==(position+1)
// mutant LIMIT_AFTER_WRITING in TWO_SLOTS: first==(position+1)
// mutant CHECK_BEFORE_COPY in TWO_SLOTS: first==(position+1)
// mutant RESUMES_TOO_EARLY in TWO_SLOTS: (delivered+lost)==position

#define CURSOR 0
#define LIMIT 1
#define SLOTS 2 // two words for each slot
#define WORDS (SLOTS + 2 * CAPACITY)
#define THREADS 2
#define WRITER 0
#define READER 1

#include "store_buffer.pml"

#define N 4
#define first_word(position) (SLOTS + 2 * ((position) % CAPACITY))
#define second_word(position) (first_word(position) + 1)

init { memory[LIMIT] = CAPACITY } // nothing is written at or beyond it: format_ring

bool is_killed, is_ended;
active proctype killer() {
  if
  :: is_killed = true
  :: is_ended
  fi
}

// SingleProducerSequencer: no reader gates, so there is always room. `stated` is what the limit says.
active proctype producer() {
  byte position, stated;
  (memory[LIMIT] != 0);
  stated = CAPACITY;
  {
    do
    :: position < N ->
       if
       :: position + 1 > stated ->
          stated = (position + STEP < N + CAPACITY -> position + STEP : N + CAPACITY);
#if !defined(MUTANT_LIMIT_NOT_STATED) && !defined(MUTANT_LIMIT_AFTER_WRITING)
       stating: // extend
          store(WRITER, LIMIT, stated);
          barrier(WRITER)
#endif
       :: else
       fi;
    writing:
       store(WRITER, first_word(position), position + 1);
       store(WRITER, second_word(position), position + 1);
#ifdef MUTANT_LIMIT_AFTER_WRITING
       store(WRITER, LIMIT, stated);
#endif
    publishing:
       store(WRITER, CURSOR, position + 1);
       position++
    :: position == N -> break
    od;
    is_ended = true
  } unless { atomic { is_killed && is_drained(WRITER) -> is_ended = true } }
}

// LossyReader::read, one element at a time, and LossySequencer::resume.
active proctype reader() {
  byte position, first, second, limit, lost, delivered;
end:
  do
  :: memory[CURSOR] > position ->
#ifdef MUTANT_CHECK_BEFORE_COPY
     load(READER, LIMIT, limit);
#endif
  copying:
     load(READER, first_word(position), first);
     load(READER, second_word(position), second);
  checking: // check
#ifdef MUTANT_CHECKS_THE_CURSOR
     load(READER, CURSOR, limit);
#else
#ifndef MUTANT_CHECK_BEFORE_COPY
     load(READER, LIMIT, limit);
#endif
#endif
     if
#ifdef MUTANT_NO_CHECK
     :: true ->
#else
#ifdef MUTANT_CHECK_OFF_BY_ONE
     :: limit <= position + CAPACITY + 1 ->
#else
     :: limit <= position + CAPACITY ->
#endif
#endif
        assert(first == position + 1 && second == position + 1);
        position++;
        delivered++
#ifndef MUTANT_NO_CHECK
     :: else ->
     resuming: // at oldest: what is skipped is counted
        load(READER, LIMIT, limit);
#ifdef MUTANT_RESUMES_TOO_EARLY
        lost = lost + limit;
#else
        lost = lost + (limit - CAPACITY - position);
        assert(position < limit - CAPACITY);
#endif
        position = limit - CAPACITY;
        assert(delivered + lost == position)
#endif
     fi
  :: position == N -> break
  od
}
