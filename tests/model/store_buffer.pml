// A machine whose stores wait in a buffer of their thread before others see them (TSO, as on x86), shared by the models
// that need it. A thread sees its own stores at once; they reach the memory in their order, at any later time.
//
// Before the #include: WORDS and THREADS. `hidden` variables are scratch and not part of the state. A step that ends
// with a loop would be mislabelled by spin, so each sets its scratch back behind it.

#define BUFFER 3

typedef Buffer {
  byte count;
  byte word[BUFFER];
  byte value[BUFFER]
};

byte memory[WORDS];
Buffer buffer[THREADS];
hidden byte i_;

#define is_drained(thread) (buffer[thread].count == 0)

// Atomics::store_relaxed and store_release alike: TSO keeps the order of stores.
inline store(thread, to, what) {
  d_step {
    buffer[thread].count < BUFFER ->
    buffer[thread].word[buffer[thread].count] = to;
    buffer[thread].value[buffer[thread].count] = what;
    buffer[thread].count++
  }
}

// Atomics::load_relaxed and load_acquire; for use inside a d_step: the newest own store, else the memory.
inline peek(thread, from, into) {
  into = memory[from];
  i_ = 0;
  do
  :: i_ < buffer[thread].count && buffer[thread].word[i_] == from -> into = buffer[thread].value[i_]; i_++
  :: i_ < buffer[thread].count && buffer[thread].word[i_] != from -> i_++
  :: else -> break
  od;
  i_ = 0
}
inline load(thread, from, into) {
  d_step { peek(thread, from, into) }
}

// Atomics::store_load_barrier, and what every exchange and system call does besides.
inline barrier(thread) { is_drained(thread) }

// The oldest store of a thread reaches the memory.
inline drain_one(thread) {
  d_step {
    buffer[thread].count > 0 ->
    memory[buffer[thread].word[0]] = buffer[thread].value[0];
    i_ = 1;
    do
    :: i_ < buffer[thread].count ->
       buffer[thread].word[i_ - 1] = buffer[thread].word[i_];
       buffer[thread].value[i_ - 1] = buffer[thread].value[i_];
       i_++
    :: else -> break
    od;
    buffer[thread].count--;
    buffer[thread].word[buffer[thread].count] = 0;
    buffer[thread].value[buffer[thread].count] = 0
  }
}

active [THREADS] proctype drain() {
  byte thread = _pid; // the first processes of a model
end:
  do
  :: drain_one(thread)
  od
}
