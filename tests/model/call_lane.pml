// The life of calls on a lane: claim a slot, publish, be executed, be answered, give the slot back; while the runner
// may close the lane or die between any two of its steps, and callers may lose their patience.
// call/lane_caller_impl.hpp, lane_server.hpp, lane_fate.hpp, caller_lane.cpp; fleet/detail/client_core*.cpp.
//
// Every step is one access to a shared word, with what follows of it in private. No call is ever executed twice, on
// whichever runners; whoever waits gets his own answer, or is told that the runner was lost with the call started.
//
// run HELD: -DSLOTS=1 -DCALLERS=2 -DCALLS=2
// run SIDE_BY_SIDE: -DSLOTS=2 -DCALLERS=2 -DCALLS=2 -DOTHERS=1
// run LOOSE: -DSLOTS=1 -DCALLERS=1 -DCALLS=2 -DLOOSE
// run LOOSE_SIDE_BY_SIDE: -DSLOTS=2 -DCALLERS=1 -DCALLS=1 -DLOOSE
// mutant REQUEST_STAMP_FIRST in HELD: reply_call
// mutant REPLY_STAMP_FIRST in HELD: reply_call
// mutant ENTERED_BEFORE_ANNOUNCED in HELD: executed
// mutant FINISHED_BEFORE_REPLY in HELD: executed
// mutant NO_LOOK_AFTER_DEATH in HELD: executed
// mutant CLOSED_IGNORED in HELD: nobody_is_stuck
// mutant CLOSED_ONE_TOO_FAR in HELD: nobody_is_stuck
// mutant CLOSED_ONE_SHORT in HELD: executed
// mutant ABANDONED_IS_FREE in HELD: fate_stamp
// mutant LATE_IS_NOT_EXCHANGED in HELD: state
// mutant HOLE_AFTER_CLAIM in HELD: nobody_is_stuck
// mutant RELEASED_BEFORE_READ in HELD: reply_call
// mutant TAKEN_WITHOUT_EXCHANGE in LOOSE: executed
// mutant MOVED_WITHOUT_LOCK in LOOSE: is_forwarded
// mutant FORWARD_AFTER_TAKE in LOOSE: is_forwarded
// mutant REDELIVERS_WHAT_WAS_STARTED in LOOSE: executed

#ifdef LOOSE
#define OWNERS 1
#else
#define OWNERS 0
#endif
#ifndef OTHERS
#define OTHERS CALLS // of each caller but the first
#endif
#define POSITIONS 6 // more than anybody claims
#define OPEN 255    // lane_is_open
#define NO_CALL 0   // calls are numbered from 1

#define free 0 // SlotState
#define held 1
#define loose 2
#define abandoned 3
#define moving 4
mtype = { queued, started, replied }; // Fate

// ---- the client's process

byte word_position[2] = { 0, 1 }; // LocalSlot::word, one word for each slot
byte word_state[2];
byte tail_hint;
bool is_marked_dead; // CallerLane::dead_, and the fates that were stored before it
byte fate_executing; // stamp
byte fate_stamp[2];

#ifdef LOOSE
bool moved_mutex, entry_mutex;
byte moved_call[POSITIONS]; // CallerLane::moved_
byte forward[POSITIONS];    // LaneEntry::forwards
#define FORWARD_NONE 0
#define FORWARD_WAITS 1 // taken, and no lane has had room yet
#define FORWARD_MOVED 2
#define FORWARD_DROPPED 3
#endif

// ---- the client's segment: the runner reads it

byte request_stamp[2], request_call[2];

// ---- the runner's segment: the client reads it

byte reply_stamp[2], reply_call[2];
byte first_stamp; // Progress
byte closed = OPEN;

// ---- what the model knows, and the processes do not

bool is_runner_dead, is_killed;
byte executed[7]; // how often, by whichever runner
byte gone;        // callers that want nothing any more

#define at(position) ((position) % SLOTS)
#define has_stamp(position) (reply_stamp[at(position)] == (position) + 1)
#define is_in(where, what) (word_position[at(where)] == where && word_state[at(where)] == what)
#define is_still_blocking(where) \
  (word_position[at(where)] == where && \
   (word_state[at(where)] == held || word_state[at(where)] == moving || !has_stamp(where)))
#define never_executed(position) (closed != OPEN && (position) >= closed)
#define fate(position) \
  (fate_stamp[at(position)] == (position) + 1 -> replied : (fate_executing == (position) + 1 -> started : queued))

inline execute(call) {
  executed[call]++;
  assert(executed[call] <= 1)
}
inline exchange(where, from, to, is_done) {
  d_step {
    is_done = is_in(where, from);
    if
    :: is_done -> word_state[at(where)] = to
    :: else
    fi
  }
}
// LaneCaller::release
inline release(where) {
  d_step {
    assert(word_position[at(where)] == where && word_state[at(where)] != free);
    word_position[at(where)] = where + SLOTS;
    word_state[at(where)] = free
  }
}

// CallerLane::start with try_claim and occupied. Ends with the call published at `position`; or, when the lane takes no
// more, executed elsewhere.
inline start(call, publishes_loose) {
  is_done = false;
claiming:
  atomic {
    if
    :: is_marked_dead || closed != OPEN -> execute(call); goto elsewhere
    :: else
    fi
  }
  position = tail_hint;
walking:
  atomic { // cases 1 to 4 of try_claim
    word = word_position[at(position)];
    state = word_state[at(position)];
    if
    :: word == position && state != free -> position++; goto walking
    :: word > position -> position = position + word - position + (state == free -> 1 - SLOTS : 1); goto walking
    :: word < position -> assert(word + SLOTS == position); goto occupied
    :: word == position && state == free
    fi
  }
  atomic { // exchange
    if
    :: is_in(position, free) -> word_state[at(position)] = held
    :: else -> goto walking
    fi
  }
  tail_hint = position + 1;
  goto claimed;

occupied:
  atomic {
    position = position - SLOTS;
    if
    :: state == free -> position = position + SLOTS; goto walking
    :: state == held || state == moving || !has_stamp(position) -> goto lane_full
    :: state == loose && has_stamp(position) -> goto movable
    :: state == abandoned && has_stamp(position)
    fi
  }
  atomic { // the one claimer that wins the exchange frees it
    if
#ifndef MUTANT_LATE_IS_NOT_EXCHANGED
    :: !is_in(position, abandoned) -> goto claiming
#endif
    :: else -> word_state[at(position)] = moving
    fi
  }
  release(position);
  goto claiming;

movable: // CallerLane::move_aside
#ifdef LOOSE
#ifndef MUTANT_MOVED_WITHOUT_LOCK
  atomic { !moved_mutex -> moved_mutex = true }
#endif
  exchange(position, loose, moving, is_done);
  if
  :: is_done ->
     d_step { assert(has_stamp(position)); word = reply_call[at(position)] }
     release(position);
     moved_call[position] = word
  :: else
  fi;
  atomic { moved_mutex = false; goto claiming }
#else
  goto claiming;
#endif

lane_full: // wait_for_slot; how it is woken is in parking.pml
  atomic {
    !is_still_blocking(position) || is_marked_dead || closed != OPEN ->
    goto claiming
  }

claimed:
#ifdef MUTANT_HOLE_AFTER_CLAIM
  if
  :: atomic { word_state[at(position)] = abandoned; goto elsewhere } // an encoder throws, a deadline passes
  :: true
  fi;
#endif
#ifdef MUTANT_REQUEST_STAMP_FIRST
  request_stamp[at(position)] = position + 1;
#endif
  request_call[at(position)] = call;
  if
  :: atomic { publishes_loose -> word_state[at(position)] = loose }
  :: else
  fi;
#ifndef MUTANT_REQUEST_STAMP_FIRST
  request_stamp[at(position)] = position + 1;
#endif
  atomic { word = 0; state = 0 }
}

// CallerLane::wait and ClientCore::finish of a call that this thread holds.
inline wait_and_finish(call) {
  is_done = false;
looking:
  if
  :: atomic { has_stamp(position) -> goto answered }
  :: else
  fi;
#ifndef MUTANT_CLOSED_IGNORED
  if
  :: atomic { never_executed(position) -> goto not_executed }
  :: else
  fi;
#endif
  if
  :: atomic {
       is_marked_dead ->
       if
#ifndef MUTANT_NO_LOOK_AFTER_DEATH
       :: fate(position) == replied -> assert(has_stamp(position)); goto answered
#endif
       :: fate(position) == started -> goto abandoning // RunnerLost
       :: else -> goto not_executed
       fi
     }
  :: else
  fi;
  // parked; what ends that is in parking.pml
  if
  :: atomic { has_stamp(position) || is_marked_dead -> goto looking }
#ifndef MUTANT_CLOSED_IGNORED
  :: atomic { never_executed(position) -> goto looking }
#endif
  :: atomic { !has_given_up -> has_given_up = true; goto abandoning } // the deadline; once is enough
  fi;

answered:
#ifdef MUTANT_RELEASED_BEFORE_READ
  release(position);
#endif
  atomic {
    assert(reply_call[at(position)] == call); // nobody else's
    assert(executed[call] == 1)
  }
#ifndef MUTANT_RELEASED_BEFORE_READ
  release(position);
#endif
  goto elsewhere;

not_executed: // the slot still has the request; it goes elsewhere, then the slot
  atomic {
    assert(request_call[at(position)] == call);
    execute(call)
  }
abandoning: // after not_executed; RunnerLost; the deadline
#ifdef MUTANT_ABANDONED_IS_FREE
  release(position);
#else
  atomic { assert(is_in(position, held)); word_state[at(position)] = abandoned }
#endif
elsewhere:
  position = 0
}

// ---- callers that wait for each of their calls

active [CALLERS] proctype caller() {
  byte call, position, word;
  byte state;
  bool is_done, has_given_up;
  byte left = (_pid == 0 -> CALLS : OTHERS);
  call = _pid * CALLS;
  do
  :: atomic { left > 0 -> left--; call++ }
     start(call, false);
     wait_and_finish(call)
  :: atomic { left == 0 -> gone++; break }
  od
}

#ifdef LOOSE
// ---- an asynchronous call: its owner, and the client's control thread that sends it elsewhere

// PendingCall: started, then collected.
active proctype owner() {
  byte call = CALLERS * CALLS + 1;
  byte position, word;
  byte state;
  bool is_done, has_given_up, is_forwarded;
  start(call, true);

  if
  :: true
  :: // ClientCore::drop: nobody wants the reply any more
     atomic { !entry_mutex -> entry_mutex = true }
     if
     :: forward[position] == FORWARD_NONE -> exchange(position, loose, abandoned, is_done)
     :: forward[position] == FORWARD_WAITS -> forward[position] = FORWARD_DROPPED
     :: else
     fi;
     atomic { entry_mutex = false; goto elsewhere }
  fi;

  // CallerLane::collect
#ifdef MUTANT_TAKEN_WITHOUT_EXCHANGE
  is_done = is_in(position, loose);
  if
  :: is_done -> word_state[at(position)] = held
  :: else
  fi;
#else
  exchange(position, loose, held, is_done);
#endif
  if
  :: is_done
  :: else ->
     atomic { !moved_mutex -> moved_mutex = true }
     atomic {
       moved_mutex = false;
       if
       :: moved_call[position] != NO_CALL -> assert(moved_call[position] == call); goto elsewhere
       :: else
       fi
     }
     atomic { !entry_mutex -> entry_mutex = true }
     atomic { // ClientCore::follow
       entry_mutex = false;
       is_forwarded = (forward[position] != FORWARD_NONE);
       assert(is_forwarded);
       if
       :: forward[position] == FORWARD_MOVED -> goto elsewhere
       :: else -> forward[position] = FORWARD_NONE // held on our behalf
       fi
     }
  fi;
  wait_and_finish(call);
  gone++
}
#endif

// ClientCore::runner_died and lane_closed.
active proctype control() {
  byte where, slot;
  bool is_taken, knows_closed, has_tried;
  byte word;
end_idle:
  do
  :: atomic {
       closed != OPEN && !knows_closed && !is_marked_dead -> knows_closed = true; goto redelivering
     }
  :: atomic { is_runner_dead && !is_marked_dead -> goto classifying }
classifying: // once, when nobody can write any more: LaneCaller::classify
     fate_executing = first_stamp;
     do
     :: atomic {
          slot < SLOTS ->
          fate_stamp[slot] = reply_stamp[slot];
          word = word_position[slot];
          // A runner that keeps to the protocol is never taken for one whose memory says nonsense.
          assert(fate_stamp[slot] == 0 -> word == slot :
                 (word + 1 == fate_stamp[slot] || word + 1 == fate_stamp[slot] + SLOTS));
          word = 0;
          slot++
        }
     :: atomic { slot == SLOTS -> slot = 0; break }
     od;
     is_marked_dead = true;
redelivering: // redeliver_loose, redeliver
#ifdef LOOSE
     do
     :: atomic { slot < SLOTS ->
          where = word_position[slot];
          slot++;
          is_taken = false;
          if
          :: !is_in(where, loose) -> goto next
#ifndef MUTANT_REDELIVERS_WHAT_WAS_STARTED
          :: is_in(where, loose) && is_marked_dead && fate(where) != queued -> goto next
#else
          :: is_in(where, loose) && is_marked_dead && fate(where) == replied -> goto next
#endif
          :: is_in(where, loose) && !is_marked_dead && !never_executed(where) -> goto next
          :: else
          fi
        }
#ifndef MUTANT_FORWARD_AFTER_TAKE
        atomic { !entry_mutex -> entry_mutex = true }
        exchange(where, loose, held, is_taken);
#else
        exchange(where, loose, held, is_taken);
        atomic { !entry_mutex -> entry_mutex = true }
#endif
        atomic {
          entry_mutex = false;
          if
          :: is_taken -> forward[where] = FORWARD_WAITS
          :: else -> goto next // its owner was faster
          fi
        }
        has_tried = false;
again:
        atomic { !entry_mutex -> entry_mutex = true }
        if
        :: forward[where] == FORWARD_WAITS && !has_tried -> // no lane has room: redeliver_waiting
           atomic { has_tried = true; entry_mutex = false; goto again }
        :: forward[where] == FORWARD_WAITS ->
           d_step { execute(request_call[at(where)]) }
           forward[where] = FORWARD_MOVED;
           d_step { assert(is_in(where, held)); word_state[at(where)] = abandoned }
        :: forward[where] == FORWARD_DROPPED ->
           forward[where] = FORWARD_NONE;
           d_step { assert(is_in(where, held)); word_state[at(where)] = abandoned }
        :: forward[where] == FORWARD_NONE // whoever waited for it has taken it on
        fi;
        entry_mutex = false;
next:
        atomic { is_taken = false; where = 0; has_tried = false }
     :: atomic { slot == SLOTS -> slot = 0; break }
     od
#else
     skip
#endif
  od
}

// ---- the runner

// Worker::serve and execute with LaneServer, and the drain.
active proctype runner() {
  byte next, call;
  bool drains; // a runner that never closes: callers must get on without that
  {
    if
    :: drains = true
    :: true
    fi;
end_idle:
    do
    :: atomic { closed == OPEN && request_stamp[at(next)] == next + 1 -> next++ } // poll
       call = request_call[at(next - 1)];
#ifndef MUTANT_ENTERED_BEFORE_ANNOUNCED
       first_stamp = next; // start
       d_step { execute(call) }
#else
       d_step { execute(call) }
       first_stamp = next;
#endif
#ifdef MUTANT_FINISHED_BEFORE_REPLY
       first_stamp = 0;
#endif
#ifdef MUTANT_REPLY_STAMP_FIRST
       reply_stamp[at(next - 1)] = next;
       reply_call[at(next - 1)] = call;
#else
       reply_call[at(next - 1)] = call;
       reply_stamp[at(next - 1)] = next; // publish_reply
#endif
#ifndef MUTANT_FINISHED_BEFORE_REPLY
       atomic { first_stamp = 0; call = 0 } // finish
#endif
    :: atomic { drains -> // close
#ifdef MUTANT_CLOSED_ONE_TOO_FAR
       closed = next + 1
#elif defined MUTANT_CLOSED_ONE_SHORT
       closed = (next == 0 -> 0 : next - 1)
#else
       closed = next
#endif
       ; break }
    od;
end_closed:
    is_killed
  } unless { atomic { is_killed -> is_runner_dead = true } }
}

active proctype killer() {
  if
  :: is_killed = true
  :: true
  fi
}

active proctype judge() {
  bool nobody_is_stuck;
  timeout ->
  nobody_is_stuck = (gone == CALLERS + OWNERS);
  assert(nobody_is_stuck)
}
