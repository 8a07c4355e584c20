// Rings of one producer, killed after each instruction: publishing, reading, joining, leaving, evicting, and lines of
// the member table that change hands. faults 2, 3, 4, 6, 7, 39.

#include "ring_memory.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "stepkill.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using ring::ClaimResult;
using RingProducer = ring::Producer<Message>;
using RingReader = ring::Reader<Message>;

// The state of the ring: `unread` messages wait for the survivor, and so many slots more are free.
struct Shape {
  std::uint64_t position;
  std::uint64_t unread;
  std::uint64_t count; // of the operation
  [[nodiscard]] std::uint64_t promised() const { return unread + count <= ring_slots ? count : 0; }
};

std::uint64_t publish(RingProducer& producer, std::uint64_t count) {
  std::uint64_t first = 0;
  if (producer.try_claim(count, first) != ClaimResult::claimed) {
    return 0;
  }
  for (auto position = first; position != first + count; ++position) {
    producer.slot(position) = Message::of(position);
  }
  producer.publish(first + count);
  return count;
}

// Reads what is there. Empty: all of it was as it must be.
std::string read_all(RingReader& reader, std::uint64_t& number) {
  std::string wrong;
  auto expected = reader.position();
  for (int polls = 0; polls < 4; ++polls) {
    number += reader
                  .poll([&](const Message& message) {
                    if (wrong.empty() && message != Message::of(expected)) {
                      wrong = "a message is torn, foreign or out of order";
                    }
                    ++expected;
                  })
                  .count;
  }
  return wrong;
}

// The successor has the whole ring, and no more than that.
std::string work_on(RingBytes& memory, RingReader& reader) {
  RingProducer successor(memory.ring(), spins);
  for (int laps = 0; laps < 2; ++laps) {
    if (publish(successor, ring_slots) != ring_slots) {
      return "the ring has not its whole capacity";
    }
    if (publish(successor, 1) != 0) {
      return "the ring has more than its capacity";
    }
    std::uint64_t number = 0;
    if (auto wrong = read_all(reader, number); !wrong.empty()) {
      return wrong;
    }
    if (number != ring_slots) {
      return "what the successor published did not arrive";
    }
  }
  return {};
}

enum class Before : std::uint8_t { nothing, a_claim_given_up, a_claim_refused };

// The producer dies in claim, write, publish; or in a claim before that, which it gives up, or which is too large for
// what is free.
class Publishing : public World {
public:
  using Memory = RingBytes;
  Publishing(Memory& memory, const Shape& shape, Before before) : memory_(memory), shape_(shape), before_(before) {
    memory_.format(shape.position - shape.unread);
    reader_.emplace(*RingReader::join(memory_.ring(), 0, {}, spins));
    producer_.emplace(memory_.ring(), spins);
    publish(*producer_, shape.unread);
  }
  void operate() override {
    if (before_ == Before::a_claim_given_up) {
      std::uint64_t first = 0;
      (void)producer_->try_claim(shape_.count, first);
      producer_->slot(first) = Message::of(first + 100);
      producer_->unclaim(first);
    }
    if (before_ == Before::a_claim_refused && publish(*producer_, ring_slots - shape_.unread + 1) != 0) {
      std::abort();
    }
    publish(*producer_, shape_.count);
  }
  void recover() override { RingProducer successor(memory_.ring(), spins); }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t number = 0;
    verdict.wrong = read_all(*reader_, number);
    if (verdict.wrong.empty() && number != shape_.unread && number != shape_.unread + shape_.count) {
      verdict.wrong = "a batch arrived in part, or was lost";
    }
    verdict.outcome = number - shape_.unread;
    if (verdict.wrong.empty()) {
      verdict.wrong = work_on(memory_, *reader_);
    }
    return verdict;
  }
  std::uint64_t promised() const override { return shape_.promised(); }

private:
  Memory& memory_;
  Shape shape_;
  Before before_;
  std::optional<RingProducer> producer_;
  std::optional<RingReader> reader_;
};

constexpr ring::ActorMark the_dead{1, 0};
constexpr ring::ActorMark the_survivor{2, 0};

// A member dies anywhere in its life: takes a line, joins, reads, releases, leaves; another reader goes on beside it.
// It had been there before, so its id has a place to come back to.
class LifeOfAReader : public World {
public:
  using Memory = RingBytes;
  enum Ending : std::uint8_t { keeps_its_place, leaves_for_good };

  LifeOfAReader(Memory& memory, const Shape& shape, Ending ending)
      : memory_(memory), shape_(shape), ending_(ending), protocol_(memory.members, memory.readers, the_dead) {
    memory_.format(shape.position - shape.unread);
    witness_.emplace(*RingReader::join(memory_.ring(), 3, {}, spins));
    auto claim = protocol_.claim(id(), {}, nobody);
    const auto word = protocol_.join(claim);
    auto earlier = RingReader::join(memory_.ring(), claim.line, {}, spins);
    producer_.emplace(memory_.ring(), spins);
    publish(*producer_, shape.unread);
    memory_.members[claim.line].kept_position = earlier->position();
    earlier->leave();
    protocol_.leave(claim.line, word, true, never);
    line_ = claim.line;
  }
  void operate() override {
    const auto claim = protocol_.claim(id(), {}, nobody);
    const auto word = protocol_.join(claim);
    auto reader =
        *RingReader::join(memory_.ring(), claim.line,
                          {.from = ring::JoinFrom::sequence, .position = claim.kept_position, .follows = {}}, spins);
    (void)reader.poll([](const Message&) {}, shape_.count);
    Atomics::store_release(memory_.members[claim.line].kept_position, reader.position());
    reader.leave();
    protocol_.leave(claim.line, word, ending_ == keeps_its_place, never);
  }
  void recover() override {
    const auto gate = memory_.readers[line_].gate.observe();
    if (ring::is_gating(gate) && gate != shape_.position - shape_.unread) {
      released_ = gate;
    }
    ring::MemberProtocol<> survivor(memory_.members, memory_.readers, the_survivor);
    for (std::size_t line = 0; line < ring_lines; ++line) {
      (void)survivor.settle(line, never,
                            [](ring::ActorMark actor) { return actor == the_dead || actor == the_survivor; });
    }
  }
  Verdict verdict() override {
    std::uint64_t number = 0;
    Verdict verdict{.wrong = read_all(*witness_, number), .outcome = 0};
    if (!verdict.wrong.empty()) {
      return verdict;
    }
    ring::MemberProtocol<> survivor(memory_.members, memory_.readers, the_survivor);
    const auto begin = shape_.position - shape_.unread;
    const auto claim = survivor.claim(id(), {}, nobody);
    if (claim.outcome == ring::ClaimOutcome::resumed) {
      const auto kept = claim.kept_position;
      if (kept - begin > shape_.count) {
        verdict.wrong = "the id comes back where it never was";
      } else if (released_ && kept != *released_) {
        verdict.wrong = "what it had released comes again";
      }
      verdict.outcome = kept == begin ? 0 : 1;
    } else if (claim.outcome != ring::ClaimOutcome::claimed || ending_ == keeps_its_place) {
      verdict.wrong = "the id has lost its line";
    } else {
      verdict.outcome = 1; // it had left for good
    }
    survivor.leave(claim.line, survivor.join(claim), false, 0);
    if (verdict.wrong.empty()) {
      verdict.wrong = work_on(memory_, *witness_);
    }
    return verdict;
  }
  std::uint64_t promised() const override { return shape_.count == 0 && ending_ == keeps_its_place ? 0 : 1; }

private:
  static ring::MemberId id() { return ring::pack_member_id("risk"); }
  static bool nobody(ring::ActorMark) { return false; }

  Memory& memory_;
  Shape shape_;
  Ending ending_;
  ring::MemberProtocol<> protocol_;
  std::optional<RingProducer> producer_;
  std::optional<RingReader> witness_;
  std::uint32_t line_ = 0;
  std::optional<std::uint64_t> released_; // up to where, seen before anybody recovered
};

// The producer dies while it evicts a reader that holds it up; another one is there as well.
class Evicting : public World {
public:
  using Memory = RingBytes;
  Evicting(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory_.format(shape.position - shape.unread);
    slow_.emplace(*RingReader::join(memory_.ring(), 1, {}, spins));
    reader_.emplace(*RingReader::join(memory_.ring(), 0, {}, spins));
    producer_.emplace(memory_.ring(), spins);
    publish(*producer_, shape.unread);
    std::uint64_t number = 0;
    (void)read_all(*reader_, number);
  }
  void operate() override {
    (void)producer_->evict(1, slow_->incarnation());
    publish(*producer_, shape_.count);
  }
  void recover() override { RingProducer successor(memory_.ring(), spins); }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t number = 0;
    verdict.wrong = read_all(*reader_, number);
    const bool is_evicted = slow_->release(1) == ring::ReadResult::evicted;
    if (verdict.wrong.empty() && (number != 0 || is_evicted) && !is_evicted) {
      verdict.wrong = "the slow reader was passed without being told";
    }
    verdict.outcome = is_evicted ? 1 + number : 0;
    slow_->leave();
    if (verdict.wrong.empty()) {
      verdict.wrong = work_on(memory_, *reader_);
    }
    return verdict;
  }
  std::uint64_t promised() const override { return 1 + shape_.count; }

private:
  Memory& memory_;
  Shape shape_;
  std::optional<RingProducer> producer_;
  std::optional<RingReader> slow_;
  std::optional<RingReader> reader_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  const auto name = [](const char* what, const Place& place, std::uint64_t unread, std::uint64_t count) {
    return fmt::format("{}, {} of {} unread, {} more, {}", what, unread, ring_slots, count, place.name);
  };
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // in front of the end of the ring
    for (const auto& place : places(ring_slots, phase)) {
      for (const auto& [unread, count] :
           {std::pair<std::uint64_t, std::uint64_t>{0, 1}, {0, 3}, {0, 8}, {5, 3}, {7, 1}, {8, 1}, {5, 4}}) {
        all.push_back(scenario_of<Publishing>(name("publish", place, unread, count),
                                              Shape{place.position, unread, count}, Before::nothing));
      }
      for (const auto& [unread, count] : {std::pair<std::uint64_t, std::uint64_t>{2, 2}, {7, 1}}) {
        all.push_back(scenario_of<Publishing>(name("give up and publish", place, unread, count),
                                              Shape{place.position, unread, count}, Before::a_claim_given_up));
      }
      for (const auto& [unread, count] : {std::pair<std::uint64_t, std::uint64_t>{6, 2}, {8, 1}}) {
        all.push_back(scenario_of<Publishing>(name("is refused and publishes", place, unread, count),
                                              Shape{place.position, unread, count}, Before::a_claim_refused));
      }
      for (const auto& [unread, count] : {std::pair<std::uint64_t, std::uint64_t>{0, 0}, {3, 2}, {7, 7}, {8, 8}}) {
        const Shape shape{place.position, unread, count};
        all.push_back(scenario_of<LifeOfAReader>(name("a reader comes, reads, goes", place, unread, count), shape,
                                                 LifeOfAReader::keeps_its_place));
        all.push_back(scenario_of<LifeOfAReader>(name("a reader comes, reads, leaves", place, unread, count), shape,
                                                 LifeOfAReader::leaves_for_good));
      }
      all.push_back(scenario_of<Evicting>(name("evict", place, 8, 4), Shape{place.position, 8, 4}));
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_ring", scenarios(), {.recoveries_max = 4});
}
