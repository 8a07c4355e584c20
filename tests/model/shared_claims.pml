// A ring that many producers write: claim, fill, publish; and what survivors do when producers die, as in
// ring/shared_sequencer.hpp, shared_room.hpp, shared_claims.hpp, shared_owners.hpp, shared_reader_sequencer.hpp.
//
// Every step is one access to a shared word, with what follows of it in private. Producers, a survivor that repairs and
// an heir that takes the number of a dead one may die between any two steps. Whatever happens, the reader gets every
// committed claim, whole and in the order of positions, and in the end nobody waits.
//
// run REPAIR: -DPRODUCERS=2 -DCLAIMS=2 -DDEATHS=1 -DREADER
// run INHERIT: -DPRODUCERS=1 -DCLAIMS=2 -DDEATHS=2 -DREADER -DHEIRS=1
// run UNREAD: -DPRODUCERS=2 -DCLAIMS=2 -DDEATHS=1
// run BOTH_DIE: -DPRODUCERS=2 -DCLAIMS=1 -DDEATHS=2 -DREADER
// mutant NO_HELPING in REPAIR: nobody_is_stuck
// mutant HELPER_IGNORES_LAP in REPAIR: nobody_is_stuck
// mutant HELPER_STORES in REPAIR: nobody_is_stuck
// mutant HELPER_TRUSTS_OLD_TAIL in REPAIR: nobody_is_stuck
// mutant COMMIT_BEFORE_PAYLOAD in REPAIR: slot
// mutant ROOM_OFF_BY_ONE in REPAIR: slot
// mutant GATE_BEFORE_READING in REPAIR: slot
// mutant ROOM_WITHOUT_LOOKING in UNREAD: nobody_is_stuck
// mutant REPAIR_WITHOUT_HELPING in REPAIR: nobody_is_stuck
// mutant REPAIR_STORES in INHERIT: nobody_is_stuck
// mutant IDENTITY_BEFORE_TAIL in INHERIT: fate_of
// mutant HEIR_DOES_NOT_REPAIR in INHERIT: nobody_is_stuck

#ifndef HEIRS
#define HEIRS 0
#endif
#define CAPACITY 2
#define POSITIONS 8 // more than anybody claims
#define NOBODY 0    // owner numbers and processes begin at 1
#define HEIR 3
#define SURVIVOR 4

mtype = { claimed, committed, aborted };

typedef Claim { // a descriptor: `begin` stands for the lap; or what somebody has read of one, or of the tail
  byte begin;
  byte length; // 0: no claim
  byte owner;
  mtype fate
};

// ---- shared memory

byte tail_begin, tail_length, tail_owner; // one word
byte granted = CAPACITY;                  // as format_ring leaves it
byte finished;
Claim descriptor[CAPACITY];
// Which process holds the owner number; in the beginning producer i holds number i.
byte identity[3] = { NOBODY, 1, 2 };
byte slot[CAPACITY];          // payload: position + 1
byte gate;

// ---- what the model knows, and the processes do not

bool is_dead[5]; // the kernel's word
bool is_over[5]; // ended by itself
mtype fate_of[POSITIONS];   // of the claim that holds the position
byte prefix;                // every position below it is committed or aborted
byte heir_owner;            // the number under which the heir goes on
hidden byte i_;

#define tail_end (tail_begin + tail_length)
#define cell(position) descriptor[(position) % CAPACITY]
#define lap(position) ((position) / CAPACITY)
#define tells_of(position) (cell(position).length != 0 && lap(cell(position).begin) == lap(position))
#define needs_repair(number) (identity[number] != NOBODY && is_dead[identity[number]])
#define is_gone(process) (is_over[process] || is_dead[process])
#define nothing_to_repair (!needs_repair(1) && !needs_repair(2))
#define producers_are_gone (is_gone(1) && (PRODUCERS < 2 || is_gone(2)))

// The inlines from here to note() are parts of steps.

inline copy(to, from) { to.begin = from.begin; to.length = from.length; to.owner = from.owner; to.fate = from.fate }
inline forget(it) { it.begin = 0; it.length = 0; it.owner = 0; it.fate = 0 }
inline copy_tail(to) { to.begin = tail_begin; to.length = tail_length; to.owner = tail_owner; to.fate = claimed }
#define is_same(a, b) (a.begin == b.begin && a.length == b.length && a.owner == b.owner && a.fate == b.fate)
#define is_tail(it) (it.begin == tail_begin && it.length == tail_length && it.owner == tail_owner)

// next_claim, one look: `c` is the claim that begins at `position`, or of length 0.
inline look(position, l, c) {
  if
  :: tells_of(position) -> copy(c, cell(position))
  :: !tells_of(position) && l.length != 0 && position == l.begin -> copy(c, l)
  :: else -> forget(c)
  fi
}
inline note(from, count, what) {
  i_ = from;
  do
  :: i_ < from + count -> fate_of[i_] = what; i_++
  :: else -> break
  od;
  i_ = prefix;
  do
  :: i_ < POSITIONS && (fate_of[i_] == committed || fate_of[i_] == aborted) -> i_++
  :: else -> break
  od;
  prefix = i_;
  i_ = 0
}

// ---- ring/shared_claims.hpp

// describe: the latest claim `l` gets its descriptor. `is_latest` false: the tail has moved on.
inline describe(l, s, is_latest) {
  atomic {
    d_step {
      is_latest = true;
      if
      :: l.length != 0 -> copy(s, cell(l.begin))
      :: else
      fi
    }
    if
    :: l.length == 0 -> goto described
#ifdef MUTANT_HELPER_IGNORES_LAP
    :: l.length != 0 && s.length != 0 -> goto described
#else
    :: l.length != 0 && s.length != 0 && lap(s.begin) == lap(l.begin) -> goto described
#endif
    :: else
    fi
  }
#ifndef MUTANT_HELPER_TRUSTS_OLD_TAIL
helping: // does the word still say so?
  atomic {
    is_latest = is_tail(l);
    if
    :: !is_latest -> goto described
    :: else
    fi
  }
#endif
  d_step { // exchange
    if
#ifdef MUTANT_HELPER_STORES
    :: true -> copy(cell(l.begin), l)
#else
    :: is_same(cell(l.begin), s) -> copy(cell(l.begin), l)
    :: else
#endif
    fi
  }
described:
  atomic { forget(s) }
}

// repair: what owner `who` has claimed and not finished is aborted.
inline repair(who, holder, position, l, c, s, is_latest) {
#ifdef MUTANT_IDENTITY_BEFORE_TAIL
  atomic {
    if
    :: identity[who] != holder -> goto repaired
    :: else
    fi
  }
#endif
  position = finished;
  d_step { // latest_claim, walk_begin
    copy_tail(l);
    if
    :: position + CAPACITY < l.begin + l.length -> position = l.begin + l.length - CAPACITY
    :: else
    fi
  }
#ifndef MUTANT_IDENTITY_BEFORE_TAIL
  atomic {
    if
    :: identity[who] != holder -> goto repaired
    :: else
    fi
  }
#endif
#ifndef MUTANT_REPAIR_WITHOUT_HELPING
  describe(l, s, is_latest);
#endif
  do
  :: position < l.begin + l.length ->
     d_step { look(position, l, c) }
     if
     :: c.length != 0 && c.fate == claimed && c.owner == who ->
        d_step { // exchange
          if
#ifdef MUTANT_REPAIR_STORES
          :: true ->
             copy(cell(c.begin), c);
             cell(c.begin).fate = aborted;
             note(c.begin, c.length, aborted)
#else
          :: is_same(cell(c.begin), c) ->
             cell(c.begin).fate = aborted;
             note(c.begin, c.length, aborted)
          :: else
#endif
          fi;
          position = position + c.length;
          forget(c)
        }
     :: else ->
        d_step { position = position + (c.length == 0 -> 1 : c.length); forget(c) }
     fi
  :: else -> break
  od;
repaired:
  atomic { position = 0; is_latest = false; forget(l); forget(c) }
}

// ---- the processes

// repair_dead, take_owner: the owner numbers are looked through; here, any that has something to repair.
inline pick_the_dead(who, holder) {
  if
  :: needs_repair(1) -> who = 1
  :: needs_repair(2) -> who = 2
  fi;
  holder = identity[who]
}

#define LOCALS                                                                                                         \
  byte position;                                                                                                       \
  Claim l, c, s; /* the latest claim; one of a walk; what an exchange expects */                                       \
  bool is_latest

// SharedSequencer: claim, fill, commit or abort. The last of them is the heir, which has a number once it has repaired.
active [PRODUCERS + HEIRS] proctype producer() {
  LOCALS;
  byte me = (_pid < PRODUCERS -> _pid + 1 : HEIR);
  byte who, claims, count;
  byte own_begin, own_end, seen_granted, free_from; // granted_: as last seen
  byte finished_end = 255;
  {
    if
    :: atomic { me != HEIR -> who = me }
    :: atomic { me == HEIR && heir_owner != NOBODY -> who = heir_owner; claims = CLAIMS - 1 }
    :: atomic { me == HEIR && is_over[HEIR] -> goto over }
    fi;
    do
    :: atomic { // some of two; some straight after an own one, which look at nothing
         claims < CLAIMS ->
         claims++;
         count = ((me == 2 && claims == 1) || (me == 1 && claims == 2 && HEIRS == 1) -> 2 : 1)
       }
       atomic { // nobody has claimed since we did, as far as we know
         if
         :: own_end == finished_end && seen_granted >= own_end + count ->
            l.begin = own_begin; l.length = own_end - own_begin; l.owner = who; l.fate = claimed;
            goto moving_tail
         :: else
         fi
       }
    seeing_tail:
       atomic { copy_tail(l) }
       atomic {
         seen_granted = granted;
         if
         :: seen_granted >= l.begin + l.length + count -> goto room_found
         :: else
         fi
       }
    looking_at_gates: // extend
#ifdef READER
       free_from = gate;
#else
       free_from = finished;
       d_step { // first_unfinished
         copy_tail(s);
         if
         :: free_from + CAPACITY < s.begin + s.length -> free_from = s.begin + s.length - CAPACITY
         :: else
         fi
       }
       do
       :: free_from < s.begin + s.length ->
          atomic {
            d_step { look(free_from, s, c) }
            if
#ifndef MUTANT_ROOM_WITHOUT_LOOKING
            :: c.length != 0 && c.fate == claimed -> forget(c); break
#endif
            :: else -> free_from = free_from + (c.length == 0 -> 1 : c.length); forget(c)
            fi
          }
       :: else -> break
       od;
#endif
       atomic {
         forget(s);
#ifdef MUTANT_ROOM_OFF_BY_ONE
         free_from++;
#endif
         if
         :: free_from + CAPACITY < l.begin + l.length + count ->
            free_from = 0;
            seen_granted = 0;
            forget(l);
            goto no_room
         :: else
         fi;
         finished = (finished < free_from -> free_from : finished);
         free_from = 0
       }
       d_step { // what the limit says besides is for newcomers; the model has none
         seen_granted = l.begin + l.length + count;
         granted = (granted < seen_granted -> seen_granted : granted)
       }
    room_found:
#ifdef MUTANT_NO_HELPING
       skip;
#else
       if
       :: l.begin + l.length != finished_end ->
          describe(l, s, is_latest);
          if
          :: atomic { !is_latest -> goto seeing_tail }
          :: else
          fi
       :: else
       fi;
#endif
    moving_tail:
       atomic { // exchange
         is_latest = is_tail(l);
         if
         :: is_latest ->
            d_step {
              own_begin = l.begin + l.length;
              own_end = own_begin + count;
              tail_begin = own_begin;
              tail_length = count;
              tail_owner = who;
              note(own_begin, count, claimed)
            }
         :: else
         fi;
         forget(l);
         if
         :: !is_latest -> goto seeing_tail
         :: else -> is_latest = false
         fi;
         position = own_begin
       }
    filling:
#ifndef MUTANT_COMMIT_BEFORE_PAYLOAD
       do
       :: d_step { position < own_end -> slot[position % CAPACITY] = position + 1; position++ }
       :: atomic { position == own_end -> position = 0; break }
       od;
#endif
    finishing: // a plain store
       atomic {
         assert(fate_of[own_begin] == claimed); // nobody aborts what its living owner fills
         cell(own_begin).begin = own_begin;
         cell(own_begin).length = count;
         cell(own_begin).owner = who;
         cell(own_begin).fate = (claims == 2 && me == 1 -> aborted : committed);
         note(own_begin, count, cell(own_begin).fate);
         finished_end = own_end
       }
#ifdef MUTANT_COMMIT_BEFORE_PAYLOAD
       do
       :: d_step { position < own_end -> slot[position % CAPACITY] = position + 1; position++ }
       :: atomic { position == own_end -> position = 0; break }
       od;
#endif
       goto next;
    no_room: // until another look could find room
#ifdef READER
       atomic { gate + CAPACITY >= tail_end + count -> goto seeing_tail };
#else
       atomic { prefix + CAPACITY >= tail_end + count -> goto seeing_tail };
#endif
    next:
       skip
    :: atomic { claims == CLAIMS -> break }
    od;
  over:
    is_over[me] = true
  } unless { is_dead[me] }
}

// repair_dead: any producer that has learnt of a death.
active proctype survivor() {
  LOCALS;
  byte who, holder;
  {
    do
    :: atomic { !nothing_to_repair -> pick_the_dead(who, holder) }
       repair(who, holder, position, l, c, s, is_latest);
       d_step { // release_owner: exchange
         if
         :: identity[who] == holder -> identity[who] = NOBODY
         :: else
         fi;
         who = 0;
         holder = 0
       }
    :: atomic {
         nothing_to_repair && producers_are_gone && (HEIRS == 0 || is_gone(HEIR)) ->
         is_over[SURVIVOR] = true;
         break
       }
    od
  } unless { is_dead[SURVIVOR] }
}

#if HEIRS == 1
// take_owner_from: takes the number of a dead producer and finishes what is left of it; then producer() goes on.
active proctype heir() {
  LOCALS;
  byte who, holder;
  {
    do
    :: atomic { !nothing_to_repair -> pick_the_dead(who, holder) }
       atomic { // exchange
         if
         :: identity[who] == holder -> identity[who] = HEIR; break
         :: else -> who = 0; holder = 0
         fi
       }
    :: atomic { nothing_to_repair && producers_are_gone -> is_over[HEIR] = true; goto nothing_left }
    od;
#ifndef MUTANT_HEIR_DOES_NOT_REPAIR
    repair(who, HEIR, position, l, c, s, is_latest);
#endif
    heir_owner = who;
  nothing_left:
    skip
  } unless { is_dead[HEIR] }
}
#endif

// The kernel, between any two steps. One of survivor and heir is left to repair.
byte deaths;
active proctype killer() {
  do
  :: atomic { deaths < DEATHS && !is_gone(1) -> is_dead[1] = true; deaths++ }
  :: atomic { deaths < DEATHS && PRODUCERS >= 2 && !is_gone(2) -> is_dead[2] = true; deaths++ }
#if HEIRS == 1
  :: atomic { deaths == 1 && DEATHS == 2 && !is_gone(HEIR) && !is_dead[SURVIVOR] -> is_dead[HEIR] = true; deaths++ }
  :: atomic { deaths == 1 && DEATHS == 2 && !is_gone(HEIR) && !is_dead[SURVIVOR] -> is_dead[SURVIVOR] = true; deaths++ }
#endif
  :: atomic { producers_are_gone || deaths == DEATHS -> break }
  od
}

#ifdef READER
// SharedReaderSequencer: walk_claim, then release of the whole claim.
active proctype reader() {
  byte position, until;
end:
  do
  :: d_step {
       tells_of(position) && cell(position).fate != claimed ->
       until = position + cell(position).length;
       assert(fate_of[position] == cell(position).fate);
       if
       :: cell(position).fate == aborted -> position = until; gate = until
       :: else
       fi
     }
#ifdef MUTANT_GATE_BEFORE_READING
     gate = until;
#endif
     do
     :: d_step { position < until -> assert(slot[position % CAPACITY] == position + 1); position++ }
     :: atomic { position == until -> gate = until; until = 0; break }
     od
  od
}
#endif

active proctype judge() {
  bool nobody_is_stuck;
  timeout ->
  nobody_is_stuck = producers_are_gone && is_gone(SURVIVOR) && (HEIRS == 0 || is_gone(HEIR)) && prefix == tail_end;
#ifdef READER
  nobody_is_stuck = nobody_is_stuck && gate == tail_end;
#endif
  assert(nobody_is_stuck)
}
