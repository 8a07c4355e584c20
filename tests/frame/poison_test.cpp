#include "frame_fixture.hpp"

#include "ringfleet/base/poison.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <doctest/doctest.h>
#include <string>

#include <sys/wait.h>
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

#if defined(RINGFLEET_POISONS)
// What a child says that does this to a pair of its own. It makes the pair: mappings are not inherited.
template <class Misuse>
std::string last_words_after(Misuse&& misuse) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    GuardedPair pair;
    misuse(pair);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char bytes[4'096];
  for (auto count = ::read(ends[0], bytes, sizeof bytes); count > 0; count = ::read(ends[0], bytes, sizeof bytes)) {
    said.append(bytes, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status != 0);
  return said;
}
#endif

} // namespace

TEST_CASE("poison: messages of every length go through a ring whose free blocks are poisoned, many laps long") {
  GuardedPair pair;
  std::uint64_t next = 0;
  for (std::uint64_t number = 0; number < 600; ++number) {
    const auto length = number * 37 % 1'400;
    if (number % 5 == 0) {
      (void)pair.writer.claim(length % 900); // given up again
    }
    REQUIRE(pair.writer.write(message(length, number)) == WriteResult::written);
    if (number % 3 != 0) {
      View view;
      REQUIRE(pair.reader.take(view) == ReadResult::message);
      CHECK(view.bytes.size() == next * 37 % 1'400);
      CHECK(is_message(view.bytes, next++));
      (void)pair.reader.release_held();
    }
    if (number % 3 == 2) {
      (void)pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); });
    }
  }
  CHECK(next == 600);
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
#endif
