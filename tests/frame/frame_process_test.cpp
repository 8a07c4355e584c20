#include "frame_fixture.hpp"

#include "../seed.hpp"
#include "ringfleet/os/mapping.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <random>

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

} // namespace

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
