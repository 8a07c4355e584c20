// A deploy under load: the route flips, clients leave the old epoch, the old runner closes and is gone. A client may be
// stopped, or die, anywhere. fleet/epoch.hpp, fleet/route.hpp, call/lane_server.hpp (closed); decisions 0002 and 0003.
//
//   PATIENT  the scheduler waits until nobody is inside: then no call is turned away by the close
//   HASTY    it may stop waiting at any time (a stopped client must not hold it): then `closed` makes it right
//   COPIES   the route alone: two copies, and a writer that is killed anywhere
//
// run PATIENT: -DDEPLOY -DPATIENT
// run HASTY: -DDEPLOY
// run COPIES: -DCOPIES
// mutant NO_CLIENT_BARRIER in PATIENT: turned_away==0
// mutant NO_SECOND_LOOK in PATIENT: turned_away==0
// mutant NO_SCHEDULER_BARRIER in PATIENT: turned_away==0
// mutant LEAVES_BEFORE_PUBLISHING in PATIENT: turned_away==0
// mutant FLIP_BEFORE_PUSH in PATIENT: has_new_lane
// mutant CLOSED_IGNORED in HASTY: is_answered
// mutant SERVED_AFTER_CLOSE in HASTY: executed==1
// mutant CLOSE_ONE_TOO_FAR in HASTY: is_answered
// mutant ONE_COPY in COPIES: first==second
// mutant EPOCH_FIRST in COPIES: first==second
// mutant EPOCH_READ_ONCE in COPIES: first==second

#ifdef DEPLOY
#define WORDS 6
#define EPOCH 0
#define INSIDE 1      // the client's line
#define REQUEST 2     // stamp of the one call, in the old lane
#define NEW_REQUEST 3 // in the new lane
#define CLOSED 4      // of the old lane; 0: open
#define REPLY 5
#define THREADS 3
#define CLIENT 0
#define SCHEDULER 1
#define RUNNER 2
#endif

#ifdef COPIES
#define WORDS 5
#define EPOCH 0
#define COPY 1 // two words each
#define THREADS 2
#define WRITER 0
#define READER 1
#endif

#include "store_buffer.pml"

#ifdef DEPLOY
#define OLD 1
#define NEW 2

bool has_new_lane, is_told_to_close, is_client_gone, is_client_killed, is_answered;
byte executed, turned_away;

init { memory[EPOCH] = OLD }

active proctype killer() {
  if
  :: is_client_killed = true
  :: true
  fi
}

// Method::call: EpochSection, pick, publish, leave; then wait for the reply or the close.
active proctype client() {
  byte seen, now, closed, reply;
  (memory[EPOCH] != 0);
  {
    skip;
  calling:
    load(CLIENT, EPOCH, seen);
    do
    :: true ->
    entering:
       store(CLIENT, INSIDE, seen);
#ifndef MUTANT_NO_CLIENT_BARRIER
       barrier(CLIENT);
#endif
#ifdef MUTANT_NO_SECOND_LOOK
       break
#else
       load(CLIENT, EPOCH, now);
       if
       :: now == seen -> break
       :: else -> seen = now
       fi
#endif
    od;
#ifdef MUTANT_LEAVES_BEFORE_PUBLISHING
    store(CLIENT, INSIDE, 0);
#endif
  publishing:
    if
    :: seen == NEW ->
       assert(has_new_lane);
       store(CLIENT, NEW_REQUEST, 1)
    :: else ->
       load(CLIENT, CLOSED, closed);
       if
       :: closed != 0 -> turned_away++; goto elsewhere
       :: else -> store(CLIENT, REQUEST, 1)
       fi
    fi;
  leaving:
#ifndef MUTANT_LEAVES_BEFORE_PUBLISHING
    store(CLIENT, INSIDE, 0);
#endif
    barrier(CLIENT);
  waiting:
    if
    :: memory[REPLY] != 0 -> is_answered = true
#ifndef MUTANT_CLOSED_IGNORED
    :: seen == OLD && memory[CLOSED] == 1 -> // never executed: closed at or before our position
       turned_away++;
       seen = NEW;
       goto elsewhere
#endif
    :: timeout -> assert(is_answered)
    fi;
    goto over;
  elsewhere: // redelivered: the route is read again, which by now names the new lane
    store(CLIENT, INSIDE, 0);
    barrier(CLIENT);
    (memory[EPOCH] == NEW);
    goto calling;
  over:
    assert(executed == 1);
#ifdef PATIENT
    assert(turned_away == 0);
#endif
    is_client_gone = true
  } unless { atomic { is_client_killed && is_drained(CLIENT) -> is_client_gone = true } }
}

// Supervisor: push the new lanes, flip, wait, close the old runner.
active proctype scheduler() {
  byte inside;
  (memory[EPOCH] != 0);
#ifdef MUTANT_FLIP_BEFORE_PUSH
  store(SCHEDULER, EPOCH, NEW);
  barrier(SCHEDULER);
  has_new_lane = true;
#else
  has_new_lane = true;
flipping:
  store(SCHEDULER, EPOCH, NEW);
#ifndef MUTANT_NO_SCHEDULER_BARRIER
  barrier(SCHEDULER);
#endif
#endif
looking: // EpochPage::inside_before
  do
  :: true ->
     load(SCHEDULER, INSIDE, inside);
     if
     :: inside == 0 || inside == NEW -> break
     :: else ->
        if
        :: memory[INSIDE] != inside -> skip
        :: is_client_gone -> break // proof of death: its page is given up
#ifndef PATIENT
        :: true -> break
#endif
        fi
     fi
  od;
  is_told_to_close = true
}

// The old runner: LaneServer::poll and close. What it has taken it answers.
active proctype old_runner() {
  byte stamp;
end:
  do
  :: memory[REQUEST] == 1 && stamp == 0 ->
     stamp = 1;
     executed++;
     store(RUNNER, REPLY, 1)
  :: is_told_to_close ->
  closing: // what is there is taken first; the close names the first position that is not
     if
     :: memory[REQUEST] == 1 && stamp == 0 -> skip
     :: else ->
#ifdef MUTANT_CLOSE_ONE_TOO_FAR
        store(RUNNER, CLOSED, 2);
#else
        store(RUNNER, CLOSED, 1 + stamp);
#endif
#ifdef MUTANT_SERVED_AFTER_CLOSE
        barrier(RUNNER);
        if
        :: memory[REQUEST] == 1 && stamp == 0 -> stamp = 1; executed++; store(RUNNER, REPLY, 1)
        :: true
        fi;
#endif
        break
     fi
  od
}

active proctype new_runner() {
end:
  if
  :: memory[NEW_REQUEST] == 1 -> d_step { executed++; memory[REPLY] = 1 }
  fi
}
#endif

#ifdef COPIES
#define PUBLISHES 3
#define copy_of(epoch) (COPY + 2 * ((epoch) % 2))

bool is_killed;
active proctype killer() {
  if
  :: is_killed = true
  :: true
  fi
}

// RouteWriter::publish
active proctype writer() {
  byte next = 1;
  {
    do
    :: next <= PUBLISHES ->
#ifdef MUTANT_EPOCH_FIRST
       store(WRITER, EPOCH, next);
#endif
    writing:
#ifdef MUTANT_ONE_COPY
       store(WRITER, COPY, next);
       store(WRITER, COPY + 1, next);
#else
       store(WRITER, copy_of(next), next);
       store(WRITER, copy_of(next) + 1, next);
#endif
#ifndef MUTANT_EPOCH_FIRST
    flipping:
       store(WRITER, EPOCH, next);
#endif
       next++
    :: next > PUBLISHES -> break
    od
  } unless { atomic { is_killed && is_drained(WRITER) -> skip } }
}

// RouteReader::read: what it returns was in force, whole, when it looked the second time.
active proctype reader() {
  byte epoch, first, second, again, rounds;
  do
  :: rounds < PUBLISHES + 1 ->
     rounds++;
     load(READER, EPOCH, epoch);
#ifdef MUTANT_ONE_COPY
     load(READER, COPY, first);
     load(READER, COPY + 1, second);
#else
     load(READER, copy_of(epoch), first);
     load(READER, copy_of(epoch) + 1, second);
#endif
     load(READER, EPOCH, again);
     if
#ifdef MUTANT_EPOCH_READ_ONCE
     :: true ->
#else
     :: again == epoch ->
#endif
        assert(first == second && first == epoch)
#ifndef MUTANT_EPOCH_READ_ONCE
     :: else
#endif
     fi
  :: else -> break
  od
}
#endif
