// Rings of many producers, killed after each instruction: claims, commits, aborts, behind claims of others that are
// dead already, and what survivors do about it. faults 2, 3, 4, 7, 39.

#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_reader.hpp"
#include "shared_ring_memory.hpp"
#include "stepkill.hpp"

#include <cstdlib>
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
  std::uint64_t refused = 0; // claimed first, and too large for what is free
  bool aborts = false;
  std::uint64_t dead_claims = 0; // between the unread and `position`
  // Else nobody gates until all is over: the dead claims, which then lie before the unread, alone hold producers back.
  bool is_read = true;

  [[nodiscard]] std::uint64_t before() const { return unread + positions_of_dead(dead_claims); }
  [[nodiscard]] std::uint64_t published() const { return !aborts && before() + count <= ring_slots ? count : 0; }
};

class Publishing : public World {
public:
  using Memory = SharedBytes;
  Publishing(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory_.format(shape.position - shape.before());
    if (shape.is_read) {
      reader_.emplace(*SharedReader::join(memory_.ring(), 0, {}, spins));
    }
    const auto lines = memory_.ring().lines();
    for (const auto owner : {dying, survivor, long_dead, also_dead}) {
      (void)ring::take_owner_from<>(lines, owner, 0, owner);
    }
    dying_.emplace(lines, dying);
    survivor_.emplace(lines, survivor);
    leave_dead_claims(memory_, shape.is_read ? 0 : shape.dead_claims);
    for (std::uint64_t i = 0; i < shape.unread; ++i) {
      (void)publish(memory_, *survivor_, 1);
    }
    leave_dead_claims(memory_, shape.is_read ? shape.dead_claims : 0);
  }
  void operate() override {
    if (shape_.refused != 0 && publish(memory_, *dying_, shape_.refused) != 0) {
      std::abort();
    }
    (void)publish(memory_, *dying_, shape_.count, shape_.aborts);
  }
  void recover() override {
    (void)ring::repair_dead(memory_.ring().lines(), [](std::uint64_t identity) { return identity != survivor; });
  }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t number = 0;
    if (!reader_) {
      reader_.emplace(*SharedReader::join(memory_.ring(), 0, {.from = ring::JoinFrom::oldest}, spins));
    }
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
  std::uint64_t promised() const override { return shape_.published(); }

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

// A producer takes a number, the one of a dead producer among them, publishes once and gives the number back. What
// other dead producers have left is no matter of its own.
class ComingAndGoing : public World {
public:
  using Memory = SharedBytes;
  ComingAndGoing(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory_.format(shape.position - shape.before());
    reader_.emplace(*SharedReader::join(memory_.ring(), 0, {}, spins));
    const auto lines = memory_.ring().lines();
    for (const auto owner : {survivor, long_dead, also_dead}) {
      (void)ring::take_owner_from<>(lines, owner, 0, owner);
    }
    Sequencer alive(lines, survivor);
    for (std::uint64_t i = 0; i < shape.unread; ++i) {
      (void)publish(memory_, alive, 1);
    }
    leave_dead_claims(memory_, shape.dead_claims);
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
    verdict.outcome = number - shape_.unread;
    if (verdict.wrong.empty() && verdict.outcome != 0 && verdict.outcome != shape_.count) {
      verdict.wrong = "a claim arrived in part";
    }
    const auto& owners = memory_.owners.identity;
    if (verdict.wrong.empty() && (owners[long_dead] != 0 || owners[also_dead] != 0 || owners[survivor] != survivor)) {
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
  std::uint64_t promised() const override { return shape_.published(); }

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
      const auto add_coming = [&](const char* what, const Shape& shape) {
        all.push_back(scenario_of<ComingAndGoing>(
            fmt::format("a producer takes a dead one's number, {}, {}", what, place.name), shape));
      };
      const auto at = place.position;
      add("publish", {.position = at, .unread = 0, .count = 1});
      add("publish", {.position = at, .unread = 0, .count = 3});
      add("publish", {.position = at, .unread = 7, .count = 1});
      add("publish", {.position = at, .unread = 3, .count = 5});
      add("publish", {.position = at, .unread = 8, .count = 1});
      add("be refused, publish", {.position = at, .unread = 6, .count = 2, .refused = 3});
      add("publish without readers", {.position = at, .unread = 3, .count = 2, .is_read = false});
      add("abort", {.position = at, .unread = 2, .count = 2, .aborts = true});
      add("abort", {.position = at, .unread = 7, .count = 1, .aborts = true});
      for (const std::uint64_t dead : {1U, 2U, 3U}) {
        const auto add_behind = [&](const char* what, Shape shape) {
          shape.position = at;
          shape.dead_claims = dead;
          add(fmt::format("{} behind {}", what, dead == 1 ? "a dead claim" : fmt::format("{} dead claims", dead))
                  .c_str(),
              shape);
        };
        add_behind("publish", {.position = at, .unread = 1, .count = 2});
        if (dead != 3) { // of which one producer left two
          add_behind("abort", {.position = at, .unread = 1, .count = 2, .aborts = true});
          add_behind("publish", {.position = at, .unread = ring_slots - positions_of_dead(dead), .count = 1});
          add_behind("be refused, publish",
                     {.position = at, .unread = 2, .count = 1, .refused = 7 - positions_of_dead(dead)});
          add_behind("publish without readers", {.position = at, .unread = 2, .count = 2, .is_read = false});
          add_behind("publish without readers",
                     {.position = at, .unread = ring_slots - positions_of_dead(dead), .count = 1, .is_read = false});
        }
      }
      add_coming("nothing beside", {.position = at, .unread = 0, .count = 2, .dead_claims = 1});
      add_coming("one slot left", {.position = at, .unread = 6, .count = 1, .dead_claims = 1});
      add_coming("the ring is full", {.position = at, .unread = 7, .count = 1, .dead_claims = 1});
      add_coming("another dead one's claim beside", {.position = at, .unread = 0, .count = 2, .dead_claims = 2});
      add_coming("between claims of its own", {.position = at, .unread = 1, .count = 2, .dead_claims = 3});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_ring", scenarios(), {.recoveries_max = 1});
}
