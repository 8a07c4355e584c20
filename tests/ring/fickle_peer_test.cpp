// Waits beside a peer that takes back what it has said, each time before it is looked at again: whoever waits does not
// wait beyond its deadline.

#include "../interrupted_atomics.hpp"
#include "ring_fixture.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "shared_fixture.hpp"

#include <algorithm>
#include <array>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::InterruptedAtomics;

namespace {

constexpr MonotonicNs long_ago = 1;

// One word that says one thing or another, by turns of four looks at it; after so many looks that whoever waits would
// wait for ever it rests.
class Fickle {
public:
  Fickle(std::uint64_t& word, std::uint64_t one, std::uint64_t other, unsigned turns)
      : word_(word), values_{one, other}, turns_(turns) {
    arm();
  }
  ~Fickle() { InterruptedAtomics::forget(); }
  Fickle(const Fickle&) = delete;
  Fickle& operator=(const Fickle&) = delete;
  [[nodiscard]] std::uint64_t looks() const { return looks_; }

  static constexpr std::uint64_t looks_max = 100'000;

private:
  void arm() {
    InterruptedAtomics::before(&word_, 1, [this] {
      word_ = values_[turns_ >> looks_ % 4 & 1];
      if (++looks_ < looks_max) {
        arm();
      }
    });
  }

  std::uint64_t& word_;
  std::uint64_t values_[2];
  unsigned turns_; // of the four looks: a bit is set where it says the other thing
  std::uint64_t looks_ = 0;
};

// `wait()`, whose deadline is over, while `word` says now one thing and now the other.
template <class Wait>
void ends_beside(std::uint64_t& word, std::uint64_t one, std::uint64_t other, Wait&& wait) {
  std::uint64_t looks = 0;
  for (unsigned turns = 1; turns < 15; ++turns) {
    {
      const Fickle fickle(word, one, other, turns);
      wait();
      CHECK(fickle.looks() < Fickle::looks_max);
      looks += fickle.looks();
    }
    word = one;
  }
  CHECK(looks != 0);
}

constexpr std::uint64_t capacity = 8;

} // namespace

TEST_CASE("fickle peer: a producer does not wait beyond its deadline for a gate that comes and goes") {
  TestRing<Element> ring(capacity);
  Producer<Element> filler(ring.memory(), parks);
  const auto reader = Reader<Element>::join(ring.memory(), 0, {}, parks);
  write_all(filler, capacity, 1);
  ends_beside(ring.reader(0).gate.value, 0, capacity, [&] {
    Producer<Element, InterruptedAtomics> producer(ring.memory(), parks);
    std::uint64_t first = 0;
    CHECK(producer.claim(1, first, long_ago) != ClaimResult::stopped);
  });
}

TEST_CASE("fickle peer: nor does one of many producers, for room or for all readers") {
  SharedTestRing<Element> ring(capacity);
  auto producer = SharedProducer<Element, InterruptedAtomics>::join(ring.memory(), 7, nobody_is_dead, parks);
  const auto reader = ring.reader(0);
  while (producer->try_push(Element{1, 2}) == ClaimResult::claimed) {
  }
  auto& gate = ring.lines().readers[0].gate.value;
  ends_beside(gate, 0, capacity, [&] { CHECK(producer->wait_for_readers(1, long_ago) != BarrierResult::stopped); });
  ends_beside(gate, 0, capacity, [&] {
    std::uint64_t first = 0;
    if (producer->claim(capacity, first, long_ago) == ClaimResult::claimed) {
      producer->abort(first, capacity);
    }
  });
}

TEST_CASE("fickle peer: nor does one of many producers that is told of room and finds none") {
  unsigned gave_up = 0;
  for (unsigned turns = 1; turns < 15; ++turns) {
    SharedTestRing<Element> ring(capacity);
    auto producer = SharedProducer<Element, InterruptedAtomics>::join(ring.memory(), 7, nobody_is_dead, parks);
    const auto reader = ring.reader(0);
    while (producer->try_push(Element{1, 2}) == ClaimResult::claimed) {
    }
    const Fickle fickle(ring.lines().readers[0].gate.value, 0, capacity, turns);
    std::uint64_t first = 0;
    gave_up += producer->claim(1, first, long_ago) == ClaimResult::full ? 1 : 0;
    CHECK(fickle.looks() < Fickle::looks_max);
  }
  CHECK(gave_up > 0);
  CHECK(gave_up < 14);
}

TEST_CASE("fickle peer: nor does a reader for a cursor that comes and goes, reliable or lossy") {
  TestRing<Element> ring(capacity);
  auto reader = Reader<Element, InterruptedAtomics>::join(ring.memory(), 0, {}, parks);
  auto lossy = LossyReader<Element, InterruptedAtomics>::join(ring.memory(), 1, {}, parks);
  auto& cursor = ring.producer().cursor.value;
  ends_beside(cursor, 0, 1, [&] { CHECK(reader->wait(1, long_ago) != BarrierResult::stopped); });
  ends_beside(cursor, 0, 1, [&] { CHECK(lossy->wait(long_ago) != BarrierResult::stopped); });
}

TEST_CASE("fickle peer: nor does a reader of many producers for a claim that comes and goes") {
  SharedTestRing<Element> ring(capacity);
  auto producer = ring.producer();
  REQUIRE(producer.try_push(Element{1, 2}) == ClaimResult::claimed);
  auto& descriptor = ring.lines().descriptor(0);
  const auto committed = descriptor;
  ends_beside(descriptor, committed, 0, [&] {
    auto reader = SharedReader<Element, InterruptedAtomics>::join(ring.memory(), 0, {.from = JoinFrom::oldest}, parks);
    CHECK(reader->wait(1, long_ago) != BarrierResult::stopped);
  });
}

TEST_CASE("fickle peer: a member line that never comes to rest is left alone, and another one is found") {
  const auto dead = [](MemberState state, std::uint32_t pid) { return MemberWord{state, {.pid = pid}, 1}.pack(); };
  const auto is_dead = [](ActorMark mark) { return mark.pid != 1; };
  std::array<MemberLine, 2> lines{};
  std::array<ReaderLines, 2> readers{};
  std::ranges::copy(pack_member_id("fickle"), lines[0].id);
  readers[1].gate.value = no_reader;
  for (const auto state : {MemberState::joined, MemberState::claiming, MemberState::kept}) {
    for (const char* const id : {"fickle", "other", ""}) {
      ends_beside(lines[0].word, dead(state, 2), dead(state, 3), [&] {
        MemberProtocol<InterruptedAtomics> protocol(lines, readers, {.pid = 1});
        const auto claim = protocol.claim(pack_member_id(id), {.now = 1, .kept_until = 2}, is_dead);
        CHECK(claim.outcome != ClaimOutcome::full);
        lines[1].word = 0;
      });
    }
  }
}
