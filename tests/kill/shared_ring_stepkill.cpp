// Rings of many producers, killed after each instruction: claims, commits, aborts, behind claims of others that are
// dead already, and what survivors do about it. faults 2, 3, 4, 7, 39.

#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_reader.hpp"
#include "shared_ring_memory.hpp"
#include "stepkill.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using Sequencer = ring::SharedSequencer<>;
using SharedReader = ring::SharedReader<Message>;

struct Shape {
  std::uint64_t position;
  std::uint64_t unread;
  std::uint64_t count;
  bool aborts = false;
  bool behind_a_dead_claim = false;
};

class Publishing : public World {
public:
  using Memory = SharedBytes;
  Publishing(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    const std::uint64_t before = shape.unread + (shape.behind_a_dead_claim ? 1 : 0);
    memory_.format(shape.position - before);
    reader_.emplace(*SharedReader::join(memory_.ring(), 0, {}, spins));
    const auto lines = memory_.ring().lines();
    for (const auto owner : {dying, survivor, long_dead}) {
      (void)ring::take_owner_from<>(lines, owner, 0, owner);
    }
    dying_.emplace(lines, dying);
    survivor_.emplace(lines, survivor);
    for (std::uint64_t i = 0; i < shape.unread; ++i) {
      (void)publish(memory_, *survivor_, 1);
    }
    if (shape.behind_a_dead_claim) {
      Sequencer dead(lines, long_dead);
      std::uint64_t first = 0;
      (void)dead.try_claim(1, first);
    }
  }
  void operate() override { (void)publish(memory_, *dying_, shape_.count, shape_.aborts); }
  void recover() override {
    (void)ring::repair_dead(memory_.ring().lines(), [](std::uint64_t identity) { return identity != survivor; });
  }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t number = 0;
    verdict.wrong = read(number);
    if (verdict.wrong.empty() && number != shape_.unread && number != shape_.unread + shape_.count) {
      verdict.wrong = "a claim arrived in part, or was lost";
    }
    verdict.outcome = number - shape_.unread;
    for (int laps = 0; laps < 2 && verdict.wrong.empty(); ++laps) {
      std::uint64_t published = 0;
      for (std::uint64_t i = 0; i < ring_slots; ++i) {
        published += publish(memory_, *survivor_, 1);
      }
      number = 0;
      if (published != ring_slots || publish(memory_, *survivor_, 1) != 0) {
        verdict.wrong = fmt::format("the ring takes {} of {}", published, ring_slots);
      } else if (verdict.wrong = read(number); verdict.wrong.empty() && number != ring_slots) {
        verdict.wrong = "what a survivor published did not arrive";
      }
    }
    return verdict;
  }
  std::uint64_t promised() const override { return shape_.aborts ? 0 : shape_.count; }

private:
  std::string read(std::uint64_t& number) {
    std::string wrong;
    for (int polls = 0; polls < 12; ++polls) {
      (void)reader_->available();
      auto expected = reader_->position();
      number += reader_
                    ->poll([&](const Message& message) {
                      if (wrong.empty() && message != Message::of(expected)) {
                        wrong = "a message is torn, foreign or out of order";
                      }
                      ++expected;
                    })
                    .count;
    }
    return wrong;
  }

  Memory& memory_;
  Shape shape_;
  std::optional<Sequencer> dying_;
  std::optional<Sequencer> survivor_;
  std::optional<SharedReader> reader_;
};

// A producer takes a number, the one of a dead producer among them, publishes once and gives the number back.
class ComingAndGoing : public World {
public:
  using Memory = SharedBytes;
  ComingAndGoing(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory_.format(shape.position - 1);
    reader_.emplace(*SharedReader::join(memory_.ring(), 0, {}, spins));
    const auto lines = memory_.ring().lines();
    (void)ring::take_owner_from<>(lines, long_dead, 0, long_dead);
    (void)ring::take_owner_from<>(lines, survivor, 0, survivor);
    Sequencer dead(lines, long_dead);
    std::uint64_t first = 0;
    (void)dead.try_claim(1, first);
  }
  void operate() override {
    const auto lines = memory_.ring().lines();
    if (ring::take_owner_from<>(lines, long_dead, long_dead, dying)) {
      Sequencer mine(lines, long_dead);
      (void)publish(memory_, mine, shape_.count);
      ring::release_owner<>(lines, long_dead, dying);
    }
  }
  void recover() override {
    (void)ring::repair_dead(memory_.ring().lines(), [](std::uint64_t identity) { return identity != survivor; });
  }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t number = 0;
    for (int polls = 0; polls < 4; ++polls) {
      (void)reader_->available();
      auto expected = reader_->position();
      number += reader_
                    ->poll([&](const Message& message) {
                      verdict.wrong =
                          message == Message::of(expected++) ? verdict.wrong : "a message is torn or foreign";
                    })
                    .count;
    }
    verdict.outcome = number;
    if (verdict.wrong.empty() && number != 0 && number != shape_.count) {
      verdict.wrong = "a claim arrived in part";
    }
    const auto& owners = memory_.owners.identity;
    if (verdict.wrong.empty() && (owners[long_dead] != 0 || owners[survivor] != survivor)) {
      verdict.wrong = "a number stays with the dead";
    }
    Sequencer survivors(memory_.ring().lines(), survivor);
    std::uint64_t published = 0;
    for (std::uint64_t i = 0; i < ring_slots; ++i) {
      published += publish(memory_, survivors, 1);
    }
    if (verdict.wrong.empty() && published != ring_slots) {
      verdict.wrong = "the ring has not its whole capacity";
    }
    return verdict;
  }
  std::uint64_t promised() const override { return shape_.count; }

private:
  Memory& memory_;
  Shape shape_;
  std::optional<SharedReader> reader_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) {
    for (const auto& place : places(ring_slots, phase)) {
      const auto add = [&](const char* what, const Shape& shape) {
        all.push_back(scenario_of<Publishing>(
            fmt::format("{}, {} of {} unread, {} more, {}", what, shape.unread, ring_slots, shape.count, place.name),
            shape));
      };
      add("publish", {.position = place.position, .unread = 0, .count = 1});
      add("publish", {.position = place.position, .unread = 0, .count = 3});
      add("publish", {.position = place.position, .unread = 7, .count = 1});
      add("publish", {.position = place.position, .unread = 3, .count = 5});
      add("abort", {.position = place.position, .unread = 2, .count = 2, .aborts = true});
      add("publish behind a dead claim",
          {.position = place.position, .unread = 1, .count = 2, .behind_a_dead_claim = true});
      add("abort behind a dead claim",
          {.position = place.position, .unread = 1, .count = 2, .aborts = true, .behind_a_dead_claim = true});
      all.push_back(scenario_of<ComingAndGoing>(fmt::format("a producer takes a dead one's number, {}", place.name),
                                                Shape{.position = place.position, .unread = 0, .count = 2}));
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_ring", scenarios());
}
