#pragma once

// A reliable reader's life in a process of its own, which ends somewhere before an access to a shared word: it claims a
// line by its id, joins, reads, releases, leaves, and comes again. It accounts for itself in memory of the test.

#include "../dying_atomics.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/producer.hpp"
#include "ringfleet/ring/reader.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include <unistd.h>

namespace ringfleet::ring::test {

using ringfleet::test::DyingAtomics;

inline constexpr std::size_t capacity = 64;
inline constexpr unsigned workers = 3;
inline constexpr std::size_t lines_total = workers + 1;
inline constexpr BarrierOptions parks{.waiting = Waiting::park, .shared = true};

struct Element {
  std::uint64_t position;
  std::uint64_t check;
};
inline std::uint64_t check_of(std::uint64_t position) {
  return position * 0x9e37'79b9'7f4a'7c15 ^ 0x5bd1'e995;
}

// What a reader says about itself. Everything below `released` is behind it for sure; what lies from there up to
// `handled` it had in hand.
struct alignas(128) Account {
  std::uint64_t is_told = 0; // it has joined and knows where; what follows is valid
  std::uint64_t is_resumed = 0;
  std::uint64_t from = 0; // where it was to go on; what was overwritten between there and `first` it was told
  std::uint64_t first = 0;
  std::uint64_t released = 0;
  std::uint64_t handled = 0;
  std::uint64_t missed = 0;
  std::uint64_t read = 0;
  std::uint64_t is_leaving_for_good = 0;
  std::uint64_t wrong = 0;
};

struct Memory {
  ProducerLines producer;
  std::array<std::uint64_t, lines_total> evicted;
  Sequence joins;
  std::array<ReaderLines, lines_total> readers;
  std::array<MemberLine, lines_total> members;
  std::array<Element, capacity> slots;
  std::array<Account, workers> accounts;

  RingMemory<Element> ring() { return {producer, evicted, joins, readers, slots}; }
};

// A reader's life; it ends somewhere in here.
class Life {
public:
  Life(Memory& memory, Account& account, unsigned worker, std::uint64_t seed)
      : memory_(memory), account_(account), id_(pack_member_id("worker " + std::to_string(worker))), random_(seed),
        protocol_(memory.members, memory.readers, ActorMark::of(os::own_identity())) {}

  [[noreturn]] void live() {
    for (;;) {
      auto claim = protocol_.claim(id_, {.now = monotonic_now(), .kept_until = never}, is_surely_dead);
      if (claim.outcome == ClaimOutcome::busy) {
        continue;
      }
      if (claim.outcome != ClaimOutcome::claimed && claim.outcome != ClaimOutcome::resumed) {
        _exit(2);
      }
      const auto word = protocol_.join(claim);
      auto reader = join(claim);
      for (auto polls = random_() % 40; polls != 0; --polls) {
        read(reader);
      }
      const bool keeps = random_() % 4 != 0;
      Atomics::store_release(account_.is_leaving_for_good, std::uint64_t{!keeps});
      DyingAtomics::store_release(memory_.members[claim.line].kept_position, reader.position());
      Atomics::store_release(account_.released, reader.position());
      reader.leave();
      protocol_.leave(claim.line, word, keeps, never);
    }
  }

private:
  using DyingReader = Reader<Element, DyingAtomics>;

  DyingReader join(const MemberClaim& claim) {
    const bool is_resumed = is_gating(claim.kept_position);
    const JoinOptions wish{
        .from = is_resumed ? JoinFrom::sequence : JoinFrom::oldest, .position = claim.kept_position, .follows = {}};
    auto reader = DyingReader::join(memory_.ring(), claim.line, wish, parks);
    if (!reader) {
      _exit(3);
    }
    const auto from = reader->position() - reader->missed();
    if (account_.is_told != 0 && account_.is_leaving_for_good == 0) {
      account_.wrong += !is_resumed || from != account_.released;
    }
    if (account_.is_told == 0) {
      account_.is_resumed = is_resumed;
      account_.from = from;
      account_.first = reader->position();
    }
    Atomics::store_release(account_.handled, reader->position());
    Atomics::store_release(account_.released, from);
    account_.missed += reader->missed();
    Atomics::store_release(account_.is_leaving_for_good, std::uint64_t{0});
    Atomics::store_release(account_.is_told, std::uint64_t{1});
    return std::move(*reader);
  }

  void read(DyingReader& reader) {
    // A wait that climbs its ladder would use up most of a life.
    const auto deadline = monotonic_now() + 1'000'000;
    while (random_() % 16 != 0 && memory_.producer.cursor.observe() == reader.position() &&
           monotonic_now() < deadline) {
      yield_core();
    }
    (void)reader.wait(1, deadline);
    auto expected = reader.position();
    const auto polled = reader.poll(
        [&](const Element& element) {
          account_.wrong += element.position != expected || element.check != check_of(expected);
          Atomics::store_release(account_.handled, ++expected);
        },
        1 + random_() % 4);
    if (polled.count != 0) {
      account_.wrong += polled.result != ReadResult::ok;
      Atomics::store_release(account_.released, expected);
      account_.read += polled.count;
    }
  }

  Memory& memory_;
  Account& account_;
  MemberId id_;
  std::mt19937_64 random_;
  MemberProtocol<DyingAtomics> protocol_;
};

} // namespace ringfleet::ring::test
