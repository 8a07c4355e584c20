#pragma once

// What everybody in a soak writes down, in memory that outlives each of them: a file that all processes map. Whoever is
// killed has left it as it was before one of its stores, so each fact is one word, and what has to hold is said in
// terms of words that were stored before and after the deed.
//
//   a producer   attempted[n] before it publishes, accepted[n] after: the difference is what it had in hand when it
//   died a reader     for each stream the life and the number that it wants next, in one word a caller     started
//   before, finished after; how each call ended a module     which call it executed last, of those that share a line:
//   one that is executed twice is seen here

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringfleet::soak {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

inline constexpr std::size_t channels_max = 7;
inline constexpr std::size_t streams_max = 3;   // producers of one channel
inline constexpr std::size_t readers_max = 4;   // of one channel, that are there all the time
inline constexpr std::size_t callers_max = 8;   // threads that call
inline constexpr std::size_t lives_max = 4'096; // of a producer within an epoch, at most
inline constexpr std::size_t calls_kept = 4'096;
inline constexpr std::size_t processes_max = 64; // that are there all the time
inline constexpr std::uint64_t batch = 8; // messages that a reader has in hand, calls that a caller has in flight

struct Life {
  Word attempted;
  Word accepted;
};
struct Stream {
  Word life; // of the producer that is, or was, at work
  std::array<Life, lives_max> lives;

  [[nodiscard]] Life& at(std::uint64_t number) noexcept { return lives[number % lives_max]; }
  [[nodiscard]] Life& now() noexcept { return at(life.load()); }
};

// The life of the producer in the upper half.
struct Place {
  std::uint64_t life = 0;
  std::uint64_t number = 0;

  [[nodiscard]] static Place of(std::uint64_t word) noexcept { return {word >> 40U, word & ((1ULL << 40U) - 1)}; }
  [[nodiscard]] std::uint64_t word() const noexcept { return life << 40U | number; }
};
struct Readings {
  std::array<Word, streams_max> next; // a Place
  Word position;                      // the block after the last one that was seen
  Word end;                           // the first block that it has not read
  // Of missed blocks that it was told of, also before it died: of how many it knows no message yet; how many since the
  // last message; and of which streams the next message may come late.
  Word untold;
  Word gap;
  std::array<Word, streams_max> may_jump;
  Word joining; // it may be told at this moment, and has not noted it
  Word seen;
  Word repeated;
  Word missed; // blocks that it was told were overwritten while it was away
  Word ready;
};
struct Channel {
  std::array<Stream, streams_max> streams;
  std::array<Readings, readers_max> readers;
};

inline constexpr std::size_t statuses = 16;
struct Caller {
  Word started;
  Word finished;
  Word told;     // calls of `tell` that were started
  Word dropped;  // calls whose reply nobody wanted
  Word orphaned; // calls whose caller was killed
  std::array<Word, statuses> ended;
  std::array<Word, calls_kept>
      executed; // the call, counted from 1, that the module executed last of those of this line
  Word executions;
  Word quiet; // the order that was obeyed last
};

enum class Order : std::uint32_t { work = 0, rest, touch, end };

struct Ledger {
  std::atomic<std::uint32_t> order; // four times its number, plus an Order
  std::array<Channel, channels_max> channels;
  std::array<std::array<Word, streams_max>, channels_max> quiet_producers;
  std::array<Caller, callers_max> callers;
  std::array<Word, processes_max> heap; // bytes that the process at this place has allocated, when it rests
  Word scheduler_ready;
  std::atomic<std::uint32_t> complaints;
  std::array<char, 1'024> first_complaint;

  [[nodiscard]] static Order of(std::uint32_t word) noexcept { return static_cast<Order>(word % 4); }
};

// Of the file at `path`, which is made when `create` says so. Stays mapped as long as the process.
[[nodiscard]] Ledger& map_ledger(const std::string& path, bool create);

// Something is not as it must be. Any process, any thread; the first text is kept for the verdict, all are printed.
void complain(Ledger& ledger, std::string_view text) noexcept;

// Whoever comes by while everybody rests: what this process has allocated goes under `place`, once it was named.
void name_own_place(std::uint64_t place) noexcept;
void note_heap(Ledger& ledger) noexcept;

// Blocks until the order is not `seen` any more, at most for the twentieth part of a second.
void wait_for_order(const Ledger& ledger, std::uint32_t seen) noexcept;

} // namespace ringfleet::soak
