#include "frame_fixture.hpp"

#include "../misuse.hpp"
#include "ringfleet/base/poison.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <doctest/doctest.h>
#include <string>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

constexpr std::uint64_t capacity = 64;

ring::RingSpace create_space() {
  return ring::RingSpace::create({.place = memory::Place::anonymous("poison"),
                                  .unit_bytes = sizeof(FrameBlock),
                                  .capacity = capacity,
                                  .members = 2});
}

// Writer and reader have a mapping each, and nobody else uses it.
struct GuardedPair {
  GuardedPair()
      : space(create_space()),
        reader_space(ring::RingSpace::attach(space.descriptors(), {.unit_bytes = sizeof(FrameBlock)}, "poison")),
        producer(space.memory<FrameBlock>(), parks),
        blocks(*BlockReader::join(reader_space.memory<FrameBlock>(), 0, {}, parks)),
        writer(producer, {.max_message = 1 << 16, .sole_user = true}),
        reader(blocks, {.max_message = 1 << 16, .sole_user = true}) {}

  ring::RingSpace space;
  ring::RingSpace reader_space;
  BlockProducer producer;
  BlockReader blocks;
  Writer writer;
  MessageReader reader;
};

// The same with a ring that many may write.
struct SharedPair {
  static ring::RingSpec spec() {
    ring::RingSpec spec;
    spec.place = memory::Place::anonymous("poison");
    spec.unit_bytes = sizeof(FrameBlock);
    spec.capacity = capacity;
    spec.members = 2;
    spec.producers = ring::Producers::many;
    return spec;
  }
  SharedPair()
      : space(ring::RingSpace::create(spec())),
        reader_space(ring::RingSpace::attach(
            space.descriptors(), {.unit_bytes = sizeof(FrameBlock), .producers = ring::Producers::many}, "poison")),
        producer(*Producer::join(space.shared_memory<FrameBlock>(), ring::owner_identity(os::own_identity()),
                                 ring::is_surely_dead_producer, parks)),
        blocks(*Blocks::join(reader_space.shared_memory<FrameBlock>(), 0, {}, parks)),
        writer(producer, {.max_message = 1 << 16, .sole_user = true}),
        reader(blocks, {.max_message = 1 << 16, .sole_user = true}) {}

  using Producer = ring::SharedProducer<FrameBlock>;
  using Blocks = ring::SharedReader<FrameBlock>;
  ring::RingSpace space;
  ring::RingSpace reader_space;
  Producer producer;
  Blocks blocks;
  FrameWriter<Producer> writer;
  FrameReader<Blocks> reader;
};

// Up to two messages lie in the ring at a time, and where many may write a claim that was given up as well.
template <class Pair>
void exchange_many_laps(std::uint64_t lengths) {
  Pair pair;
  std::uint64_t next = 0;
  for (std::uint64_t number = 0; number < 600; ++number) {
    const auto length = number * 37 % lengths;
    if (number % 5 == 0) {
      (void)pair.writer.claim(length % 500); // given up again
    }
    REQUIRE(pair.writer.write(message(length, number)) == WriteResult::written);
    if (number % 3 != 0) {
      View view;
      auto result = pair.reader.take(view);
      for (int look = 0; result == ReadResult::empty && look < 4; ++look) { // it has passed what was given up
        result = pair.reader.take(view);
      }
      REQUIRE(result == ReadResult::message);
      CHECK(view.bytes.size() == next * 37 % lengths);
      CHECK(is_message(view.bytes, next++));
      (void)pair.reader.release_held();
    }
    if (number % 3 == 2) {
      (void)pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); });
    }
  }
  for (int look = 0; look < 4; ++look) {
    (void)pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); });
  }
  CHECK(next == 600);
}

#if defined(RINGFLEET_POISONS)
template <class Pair = GuardedPair, class Misuse>
std::string last_words_after(Misuse&& misuse) {
  return ringfleet::test::last_words_of([&] {
    Pair pair;
    misuse(pair);
  });
}
#endif

} // namespace

TEST_CASE("poison: messages of every length go through a ring whose free blocks are poisoned, many laps long") {
  exchange_many_laps<GuardedPair>(1'400);
}
TEST_CASE("poison: so they do where many may write") {
  exchange_many_laps<SharedPair>(1'100);
}

#if defined(RINGFLEET_POISONS)
TEST_CASE("poison: a view that is used after its release ends the program") {
  const auto said = last_words_after([](GuardedPair& pair) {
    (void)pair.writer.write(message(100, 1));
    std::span<const std::byte> kept;
    (void)pair.reader.poll([&](const View& view) { kept = view.bytes; });
    CHECK(is_message(kept, 1));
  });
  CHECK(said.find("use-after-poison") != std::string::npos);
}

TEST_CASE("poison: a view that is held may be used, until it is released") {
  const auto said = last_words_after([](GuardedPair& pair) {
    View first;
    View second;
    (void)pair.writer.write(message(100, 1));
    (void)pair.writer.write(message(200, 2));
    (void)pair.reader.take(first);
    (void)pair.reader.take(second);
    (void)pair.reader.release_held();
    if (!is_message(second.bytes, 2)) {
      ::_exit(0);
    }
    (void)!::write(STDERR_FILENO, "held", 4);
    CHECK(is_message(first.bytes, 1));
  });
  CHECK(said.find("held") == 0);
  CHECK(said.find("use-after-poison") != std::string::npos);
}

TEST_CASE("poison: a byte that is written beyond a claim ends the program") {
  const auto said = last_words_after([](GuardedPair& pair) {
    auto claim = pair.writer.claim(100);
    fill(claim.bytes(), 1);
    claim.bytes().data()[100] = std::byte{1};
  });
  CHECK(said.find("use-after-poison") != std::string::npos);
}

TEST_CASE("poison: a claim that is written to after its commit ends the program") {
  const auto said = last_words_after([](GuardedPair& pair) {
    auto claim = pair.writer.claim(100);
    const auto bytes = claim.bytes();
    claim.commit(100);
    fill(bytes, 2);
  });
  CHECK(said.find("use-after-poison") != std::string::npos);
}

TEST_CASE("poison: where many may write, what is written beyond a claim or after its commit ends the program as well") {
  const auto beyond = last_words_after<SharedPair>([](SharedPair& pair) {
    auto claim = pair.writer.claim(100);
    claim.bytes().data()[100] = std::byte{1};
  });
  CHECK(beyond.find("use-after-poison") != std::string::npos);
  const auto after = last_words_after<SharedPair>([](SharedPair& pair) {
    auto claim = pair.writer.claim(100);
    const auto bytes = claim.bytes();
    claim.commit(100);
    fill(bytes, 2);
  });
  CHECK(after.find("use-after-poison") != std::string::npos);
}

TEST_CASE("poison: who is not the sole user any more poisons nothing") {
  const auto said = last_words_after([](GuardedPair& pair) {
    pair.writer.end_sole_use();
    pair.reader.end_sole_use();
    for (std::uint64_t number = 0; number < 100; ++number) {
      (void)pair.writer.write(message(100, number));
      (void)pair.reader.poll([](const View&) {});
    }
    std::uint64_t sum = 0;
    for (const auto byte : pair.space.units()) {
      sum += static_cast<std::uint64_t>(byte);
    }
    for (const auto byte : pair.reader_space.units()) {
      sum += static_cast<std::uint64_t>(byte);
    }
    (void)!::write(STDERR_FILENO, "read", 4);
    ::_exit(sum != 0 ? 1 : 0);
  });
  CHECK(said == "read");
}
#endif
