// Waiting and waking: nobody sleeps on something that has happened already. Three places where a thread parks, chosen by
// a switch; store buffers are explicit, because without them the lost wake does not exist (RELIABILITY: traps 1, 2, 3, 6).
//
//   RING   a reader waits for the cursor of a producer that may die: ring/barrier.hpp, ring/parking.hpp, ring/bell.hpp
//   LANE   a caller waits for its reply, a runner for its next request; the runner may close or die: call/caller_lane_impl.hpp
//   SLOT   a caller waits until a slot of a full lane is given back: CallerLane::wait_for_slot
//
// `asleep for ever` shows as: nothing can happen any more, and the judge finds somebody who is not done.
//
// run RING: -DRING
// run LANE: -DLANE
// run SLOT: -DSLOT
// mutant NO_WAITER_BARRIER in RING: is_done
// mutant NO_PUBLISHER_BARRIER in RING: is_done
// mutant NO_SECOND_LOOK in RING: is_done
// mutant BELL_SEEN_AFTER_LOOK in RING: is_done
// mutant BELL_NOT_CHANGED in RING: is_done
// mutant PARK_WITHOUT_OBITUARY in RING: is_done
// mutant OBITUARY_SEEN_AFTER_LOOK in RING: is_done
// mutant MARK_AFTER_OBITUARY in RING: is_done
// mutant DEATH_BEFORE_CURSOR in RING: position==memory[0]
// mutant FLAG_WITHOUT_LOWER_BOUND in RING: wakes<=waits
// mutant NO_SERVER_BARRIER in LANE: is_done
// mutant STAMP_SEEN_AFTER_LOOK in LANE: is_done
// mutant PARK_WITHOUT_CLOSED_BELL in LANE: is_done
// mutant LEAVES_WITHOUT_CLOSING in LANE: is_done
// mutant PARK_WITHOUT_OBITUARY in LANE: is_done
// mutant NO_RELEASER_BARRIER in SLOT: is_done
// mutant COUNTED_AFTER_LOOK in SLOT: is_done

#define WATCHER 2 // the thread that learns of deaths: memory/watcher.cpp

#ifdef RING
#define WORDS 5
#define CURSOR 0
#define FLAG 1 // ReaderLines::awaited_cursor
#define BELL 2
#define DEAD 3
#define OBITUARY 4
#define THREADS 3
#define WAITER 0
#define PUBLISHER 1
#endif

#ifdef LANE
#define WORDS 8
#define REQUEST 0     // stamp of the one slot
#define REPLY 1       // stamp
#define AWAITED 2     // ColdLine::awaited
#define SERVER_FLAG 3 // LaneControl::server_awaits
#define CLOSED 4      // 0: open; else the first stamp that is never executed
#define CLOSED_BELL 5
#define DEAD 6
#define OBITUARY 7
#define THREADS 3
#define WAITER 0 // the caller
#define SERVER 1
#endif

#ifdef SLOT
#define WORDS 3
#define FREE 0
#define WAITERS 1
#define RELEASES 2
#define THREADS 2
#define WAITER 0
#define RELEASER 1
#endif

#include "store_buffer.pml"

#define N 2 // messages, calls

// ---- the kernel: futex_waitv and futex_wake

typedef Sleep {
  bool on[WORDS];
  bool is_woken
};
Sleep sleep_of[THREADS];

// One word of futex_waitv: compared and queued under one lock of the kernel. `is_changed`: it does not sleep.
inline queue(thread, word, seen, is_changed) {
  d_step {
    is_drained(thread) ->
    if
    :: memory[word] != seen -> is_changed = true
    :: else -> sleep_of[thread].on[word] = true
    fi
  }
}
inline sleep_and_forget(thread, is_changed) {
  d_step {
    (is_changed || sleep_of[thread].is_woken) ->
    is_changed = false;
    sleep_of[thread].is_woken = false;
    i_ = 0;
    do
    :: i_ < WORDS -> sleep_of[thread].on[i_] = false; i_++
    :: else -> break
    od;
    i_ = 0
  }
}
inline wake(thread, word) {
  d_step {
    is_drained(thread) ->
    i_ = 0;
    do
    :: i_ < THREADS ->
       if
       :: sleep_of[i_].on[word] -> sleep_of[i_].is_woken = true
       :: else
       fi;
       i_++
    :: else -> break
    od;
    i_ = 0
  }
}

bool is_dead;    // the peer, as the kernel knows it: it does nothing any more and its stores have arrived
bool is_done;    // the waiter has what it waited for, or was told that it never comes
bool is_ended;   // the peer ended by itself
byte waits, wakes; // announced; made

#ifndef SLOT
// Whoever proves a death marks it, then changes the obituary, then wakes (Watcher::State::run, Obituary::announce).
active proctype watcher() {
  byte unused;
  if
  :: is_dead -> skip
  :: is_ended -> goto end_watcher
  fi;
#ifndef MUTANT_MARK_AFTER_OBITUARY
  store(WATCHER, DEAD, 1);
#endif
  barrier(WATCHER);
  d_step { memory[OBITUARY] = 1; unused = 0 }
  wake(WATCHER, OBITUARY);
#ifdef MUTANT_MARK_AFTER_OBITUARY
  store(WATCHER, DEAD, 1);
#endif
end_watcher:
  skip
}

// The kernel ends the peer between any two of its steps.
bool is_killed;
active proctype killer() {
  if
  :: !is_ended -> is_killed = true
  :: true
  fi
}
#endif

#ifdef RING
// SharedReader and Reader: Barrier::wait with Reader::ElementsAwaited.
active proctype reader() {
  byte position, cursor, dead, obituary_seen, bell_seen;
  bool is_changed;

waiting:
#ifndef MUTANT_OBITUARY_SEEN_AFTER_LOOK
  load(WAITER, OBITUARY, obituary_seen);
#endif
climbing: // AdaptiveLadder::climb: one look stands for all
  load(WAITER, CURSOR, cursor);
  load(WAITER, DEAD, dead);
  if
  :: cursor > position || dead != 0 -> goto over
  :: else
  fi;
collecting:
#ifndef MUTANT_BELL_SEEN_AFTER_LOOK
  load(WAITER, BELL, bell_seen);
#endif
announcing:
  waits++;
  store(WAITER, FLAG, position + 1);
#ifndef MUTANT_NO_WAITER_BARRIER
  barrier(WAITER);
#endif
looking_again:
#ifndef MUTANT_NO_SECOND_LOOK
  load(WAITER, CURSOR, cursor);
  load(WAITER, DEAD, dead);
  if
  :: cursor > position || dead != 0 -> goto over
  :: else
  fi;
#endif
#ifdef MUTANT_BELL_SEEN_AFTER_LOOK
  load(WAITER, BELL, bell_seen);
#endif
#ifdef MUTANT_OBITUARY_SEEN_AFTER_LOOK
  load(WAITER, OBITUARY, obituary_seen);
#endif
parking:
  queue(WAITER, BELL, bell_seen, is_changed);
#ifndef MUTANT_PARK_WITHOUT_OBITUARY
  if
  :: !is_changed -> queue(WAITER, OBITUARY, obituary_seen, is_changed)
  :: else
  fi;
#endif
  sleep_and_forget(WAITER, is_changed);
  goto waiting;

over: // Reader::wait: the cursor is looked at after the death, so what was published before it counts
#ifndef MUTANT_DEATH_BEFORE_CURSOR
  load(WAITER, CURSOR, cursor);
#endif
  if
  :: cursor > position && cursor < N -> position = cursor; goto waiting
  :: cursor == N -> position = cursor
  :: else -> // detached
     assert(position == memory[CURSOR])
  fi;
  is_done = true
}

active proctype producer() {
  byte before, after, flag, bell;
  {
    do
    :: before < N ->
       if // a batch is published as one
       :: after = before + 1
       :: before + 2 <= N -> after = before + 2
       fi;
    publishing:
       store(PUBLISHER, CURSOR, after);
#ifndef MUTANT_NO_PUBLISHER_BARRIER
       barrier(PUBLISHER);
#endif
    looking_at_flag: // is_awaited
       load(PUBLISHER, FLAG, flag);
       if
#ifdef MUTANT_FLAG_WITHOUT_LOWER_BOUND
       :: flag != 0 && flag <= after ->
#else
       :: flag > before && flag <= after ->
#endif
       ringing: // ring_bell
          load(PUBLISHER, BELL, bell);
#ifndef MUTANT_BELL_NOT_CHANGED
          store(PUBLISHER, BELL, bell + 1);
#endif
          wake(PUBLISHER, BELL);
          wakes++;
          assert(wakes <= waits) // a waiter that is stopped costs one system call, not one for each message
       :: else
       fi;
       before = after
    :: before == N -> break
    od;
    is_ended = true
  } unless {
    atomic { is_killed && is_drained(PUBLISHER) -> is_dead = true }
  }
}
#endif

#ifdef LANE
// CallerLane::publish, wait_slowly, look. One slot: the request of call k has stamp k, and so has its reply.
active proctype caller() {
  byte call, flag, stamp_seen, obituary_seen, closed, dead;
  bool is_changed;
  do
  :: call < N ->
     call++;
  publishing:
     store(WAITER, REQUEST, call);
     barrier(WAITER);
     load(WAITER, SERVER_FLAG, flag);
     if
     :: flag == call -> wake(WAITER, REQUEST)
     :: else
     fi;
     do
     :: true ->
     announcing: // announce_wait
        store(WAITER, AWAITED, call);
        barrier(WAITER);
        load(WAITER, OBITUARY, obituary_seen);
#ifndef MUTANT_STAMP_SEEN_AFTER_LOOK
        load(WAITER, REPLY, stamp_seen);
#endif
     looking: // CallerLane::look
        load(WAITER, REPLY, flag);
        if
        :: flag == call -> break
        :: else
        fi;
        load(WAITER, CLOSED, closed);
        if
        :: closed != 0 && call >= closed -> goto finished // never_executed
        :: else
        fi;
        load(WAITER, DEAD, dead);
        if
        :: dead != 0 -> goto finished
        :: else
        fi;
#ifdef MUTANT_STAMP_SEEN_AFTER_LOOK
        load(WAITER, REPLY, stamp_seen);
#endif
     parking: // CallerLane::park
        queue(WAITER, REPLY, stamp_seen, is_changed);
#ifndef MUTANT_PARK_WITHOUT_CLOSED_BELL
        if
        :: !is_changed -> queue(WAITER, CLOSED_BELL, 0, is_changed)
        :: else
        fi;
#endif
#ifndef MUTANT_PARK_WITHOUT_OBITUARY
        if
        :: !is_changed -> queue(WAITER, OBITUARY, obituary_seen, is_changed)
        :: else
        fi;
#endif
        sleep_and_forget(WAITER, is_changed)
     od
  :: call == N -> break
  od;
finished:
  is_done = true
}

// Worker::run with ServerPark::park: answers, closes at any moment, or dies.
active proctype server() {
  byte next, stamp, stamp_seen, flag;
  bool is_changed;
  {
    do
    :: next < N -> // a look at the lane
       load(SERVER, REQUEST, stamp);
       if
       :: stamp == next + 1 ->
          next++;
       replying: // LaneServer::publish_reply, then is_awaited
          store(SERVER, REPLY, next);
#ifndef MUTANT_NO_SERVER_BARRIER
          barrier(SERVER);
#endif
          load(SERVER, AWAITED, flag);
          if
          :: flag == next -> wake(SERVER, REPLY)
          :: else
          fi
       :: stamp != next + 1 ->
       announcing:
          load(SERVER, REQUEST, stamp_seen);
          store(SERVER, SERVER_FLAG, next + 1);
          barrier(SERVER);
          load(SERVER, REQUEST, stamp);
          if
          :: stamp != next + 1 ->
             queue(SERVER, REQUEST, stamp_seen, is_changed);
             sleep_and_forget(SERVER, is_changed)
          :: else
          fi
       :: stamp != next + 1 -> // the drain found it empty
       closing: // LaneServer::close, ServerLane::close
#ifndef MUTANT_LEAVES_WITHOUT_CLOSING
          store(SERVER, CLOSED, next + 1);
          store(SERVER, CLOSED_BELL, 1);
          wake(SERVER, CLOSED_BELL);
#endif
          break
       fi
    :: next == N -> break
    od;
    is_ended = true
  } unless {
    atomic { is_killed && is_drained(SERVER) -> is_dead = true }
  }
}
#endif

#ifdef SLOT
// CallerLane::wait_for_slot. What RMW does to the counters is a barrier, too.
active proctype claimer() {
  byte releases_seen, is_free;
  bool is_changed;
  do
  :: true ->
     load(WAITER, FREE, is_free);
     if
     :: is_free != 0 -> break
     :: else
     fi;
#ifndef MUTANT_COUNTED_AFTER_LOOK
  counting:
     d_step { is_drained(WAITER) -> memory[WAITERS] = memory[WAITERS] + 1 }
#endif
     load(WAITER, RELEASES, releases_seen);
  looking:
     load(WAITER, FREE, is_free);
#ifdef MUTANT_COUNTED_AFTER_LOOK
     d_step { is_drained(WAITER) -> memory[WAITERS] = memory[WAITERS] + 1 }
#endif
     if
     :: is_free == 0 ->
     parking:
        queue(WAITER, RELEASES, releases_seen, is_changed);
        sleep_and_forget(WAITER, is_changed)
     :: else
     fi;
     d_step { is_drained(WAITER) -> memory[WAITERS] = memory[WAITERS] - 1 }
  od;
  is_done = true
}

// CallerLane::release and announce_free_slot, wake_slot_waiters.
active proctype releaser() {
  byte waiters;
  store(RELEASER, FREE, 1);
#ifndef MUTANT_NO_RELEASER_BARRIER
  barrier(RELEASER);
#endif
  load(RELEASER, WAITERS, waiters);
  if
  :: waiters != 0 ->
     d_step { is_drained(RELEASER) -> memory[RELEASES] = memory[RELEASES] + 1 }
     wake(RELEASER, RELEASES)
  :: else
  fi;
  is_ended = true
}
#endif

active proctype judge() {
  timeout ->
  assert(is_done)
}
