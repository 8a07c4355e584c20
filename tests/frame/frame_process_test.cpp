#include "frame_fixture.hpp"

#include "../dying_atomics.hpp"
#include "../seed.hpp"
#include "ringfleet/os/mapping.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <utility>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

// In memory that a forked child shares, as a segment is.
struct SharedMemory {
  static constexpr std::size_t capacity = 64;
  static constexpr std::size_t arena_bytes = 8'192;

  ring::ProducerLines producer;
  std::uint64_t evicted[2];
  ring::Sequence joins;
  ring::ReaderLines readers[2];
  FrameBlock blocks[capacity];
  alignas(64) std::byte arena[sizeof(ArenaLines) + arena_bytes];

  ring::RingMemory<FrameBlock> memory() { return {producer, evicted, joins, readers, blocks}; }
};

constexpr ring::BarrierOptions between_processes{.waiting = ring::Waiting::park, .shared = true};

// Which writer, and which of its messages; then bytes that follow from both.
struct Label {
  std::uint64_t incarnation;
  std::uint64_t number;
};
std::uint64_t salt_of(const Label& label) {
  return label.incarnation * 1'000'003 + label.number;
}
std::uint64_t length_of(const Label& label) {
  const auto salt = salt_of(label) * 2'654'435'761U;
  switch (salt % 7) {
  case 0: return sizeof(Label) + salt % 9'000; // more than the ring
  case 1: return sizeof(Label) + salt % 2'000;
  default: return sizeof(Label) + salt % 200;
  }
}
void fill_labelled(std::span<std::byte> bytes, const Label& label) {
  std::memcpy(bytes.data(), &label, sizeof(label));
  fill(bytes.subspan(sizeof(label)), salt_of(label));
}

[[noreturn]] void write_until_killed(SharedMemory& shared, std::uint64_t incarnation) {
  BlockProducer producer(shared.memory(), between_processes);
  LoanArena<> arena(shared.arena);
  Writer writer(producer, {.max_message = 16'384, .arena = &arena});
  Bytes bytes(16'384);
  for (Label label{incarnation, 0};; ++label.number) {
    const auto length = length_of(label);
    const auto part = std::span(bytes).first(length);
    auto loan = label.number % 5 == 0 && length <= 4'096 ? writer.loan(length) : writer.loan(~std::uint64_t{0});
    if (loan) {
      fill_labelled(loan.bytes(), label);
      while (loan && loan.commit(length) != WriteResult::written) {
      }
      continue;
    }
    fill_labelled(part, label);
    while (writer.write_until(part, never, {.publish = label.number % 3 != 0}) != WriteResult::written) {
    }
  }
}

using Dying = ringfleet::test::DyingAtomics;

constexpr std::uint64_t script_messages = 9;

// Every way of writing, and room for all of it: messages 0 to 8.
[[noreturn]] void write_script(SharedMemory& shared, std::uint64_t dies_before) {
  using DyingProducer = ring::Producer<FrameBlock, Dying>;
  DyingProducer producer(shared.memory(), between_processes);
  LoanArena<Dying> arena(shared.arena);
  FrameWriter<DyingProducer, Dying> writer(producer, {.max_message = 16'384, .arena = &arena});
  const auto labelled = [](std::uint64_t number, std::uint64_t length) {
    Bytes bytes(length);
    fill_labelled(bytes, {1, number});
    return bytes;
  };
  Dying::steps_to_live = dies_before;
  (void)writer.write(labelled(0, 40));
  (void)writer.write(labelled(1, 100), {.publish = false});
  (void)writer.write(labelled(2, 600), {.publish = false});
  writer.flush();
  writer.claim(300).abort();
  auto claim = writer.claim(300);
  fill_labelled(claim.bytes().last(120), {1, 3});
  claim.commit(std::span<const std::byte>(claim.bytes().last(120)));
  auto loan = writer.loan(5'000);
  fill_labelled(loan.bytes(), {1, 4});
  (void)loan.commit(std::uint64_t{5'000});
  (void)writer.write(labelled(5, 1'200)); // in fragments
  (void)writer.write_until(labelled(6, 1'100), monotonic_now());
  writer.loan(100).abort();
  auto second = writer.loan(200);
  fill_labelled(second.bytes(), {1, 7});
  (void)second.commit(std::uint64_t{200}, {.publish = false});
  (void)writer.write(labelled(8, 20));
  _exit(0);
}

} // namespace

// fault 2 to 4, T13 for one producer
TEST_CASE("frame: a writer that dies before any one of its accesses leaves a beginning of what it wrote (processes)") {
  auto mapping = os::Mapping::heap(sizeof(SharedMemory));
  auto& shared = *new (mapping.writable_bytes().data()) SharedMemory{};
  bool has_died = true;
  std::uint64_t most = 0;
  for (std::uint64_t dies_before = 1; has_died; ++dies_before) {
    CAPTURE(dies_before);
    REQUIRE(dies_before < 2'000);
    // As in a new segment: a ring never begins on the records of another one.
    std::ranges::fill(shared.blocks, FrameBlock{});
    ring::format_ring(shared.memory(), dies_before);
    std::memset(shared.arena, 0, sizeof(ArenaLines));
    const auto child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      write_script(shared, dies_before);
    }
    // Joins while the writer writes, or before, or afterwards.
    auto blocks = BlockReader::join(shared.memory(), 0, {.from = ring::JoinFrom::oldest}, between_processes);
    REQUIRE(blocks);
    // What was written when it joined may be more than seven eighths of the ring.
    bool may_miss_some = ring::is_before(dies_before, blocks->position());
    LoanViews views;
    REQUIRE(views.open(1, shared.arena));
    MessageReader reader(*blocks, {.max_message = 16'384, .arenas = &views});
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    has_died = WIFSIGNALED(status);
    std::uint64_t next = 0;
    const auto handle = [&](const View& view) {
      Label label{};
      REQUIRE(view.bytes.size() >= sizeof(label));
      std::memcpy(&label, view.bytes.data(), sizeof(label));
      if (std::exchange(may_miss_some, false)) {
        next = label.number;
      }
      CHECK(label.number == next++);
      CHECK(is_message(view.bytes.subspan(sizeof(label)), salt_of(label)));
    };
    for (int polls = 0; polls < 4; ++polls) {
      CHECK(reader.poll(handle).ended != ReadResult::malformed);
    }
    CHECK((has_died || next == script_messages));
    most = std::max(most, next);

    // And the next writer goes on.
    BlockProducer producer(shared.memory(), between_processes);
    Writer writer(producer);
    Bytes bytes(900);
    fill_labelled(bytes, {2, next});
    REQUIRE(writer.write(bytes) == WriteResult::written);
    const auto seen = next;
    CHECK(reader.poll(handle).messages == 1);
    CHECK(next == seen + 1);
  }
  CHECK(most == script_messages);
}

// T3, T12, faults 2 to 4
TEST_CASE("frame: a writer killed at any moment leaves whole messages behind, in order and without a gap (processes)") {
  const auto seed = ringfleet::test::seed_or(2'026);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  auto mapping = os::Mapping::heap(sizeof(SharedMemory));
  auto& shared = *new (mapping.writable_bytes().data()) SharedMemory{};
  ring::format_ring(shared.memory());
  auto blocks = BlockReader::join(shared.memory(), 0, {}, between_processes);
  REQUIRE(blocks);
  LoanViews views;
  REQUIRE(views.open(1, shared.arena));
  MessageReader reader(*blocks, {.max_message = 16'384, .arenas = &views});

  std::uint64_t total = 0;
  std::uint64_t of_writer = 0; // messages seen of the writer that is running
  std::uint64_t wrong = 0;
  for (std::uint64_t incarnation = 1; incarnation <= ringfleet::test::rounds_or(400 / scale_down); ++incarnation) {
    const auto child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      write_until_killed(shared, incarnation);
    }
    of_writer = 0;
    const auto handle = [&](const View& view) {
      Label label{};
      if (view.bytes.size() < sizeof(label)) {
        ++wrong;
        return;
      }
      std::memcpy(&label, view.bytes.data(), sizeof(label));
      wrong += label.incarnation != incarnation || label.number != of_writer || view.bytes.size() != length_of(label) ||
               !is_message(view.bytes.subspan(sizeof(label)), salt_of(label));
      ++of_writer;
    };
    const auto enough = random() % 200;
    while (of_writer < enough) {
      wrong += reader.wait(monotonic_now() + 20'000'000'000) != ring::BarrierResult::reached;
      (void)reader.poll(handle);
      REQUIRE(wrong == 0);
    }
    for (auto spins = random() % 20'000; spins != 0; --spins) {
      ring::pause_core();
    }
    REQUIRE(kill(child, SIGKILL) == 0);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    for (int polls = 0; polls < 10; ++polls) {
      (void)reader.poll(handle);
    }
    total += of_writer;
    REQUIRE(wrong == 0);
  }
  CHECK(total > 0);
  CHECK(reader.counts().malformed == 0);
  CHECK(reader.counts().reassembled > 0);
  CHECK(reader.counts().loans > 0);
}
