// Lossy readers of rings with many producers, killed after each instruction of their lives: they join, copy, are
// lapped, leave, and hold nobody back at any moment, however full the ring is. faults 6, 7, 39.

#include "ringfleet/ring/lossy_reader.hpp"
#include "shared_survivors.hpp"
#include "stepkill.hpp"

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using ring::JoinFrom;
using LossyReader = ring::SharedLossyReader<Message>;

constexpr std::uint32_t own_line = 0; // the first that is free

struct LossyLife {
  ReadingShape shape = {};
  JoinFrom from = JoinFrom::latest;
  std::uint64_t ago = 0; // with JoinFrom::sequence: so far before `position`
};

// Where the messages lay that are copied, up to the end; a position that is not told right, or a copy that is not that
// message, ends the list with ~0.
Positions copy_all(LossyReader& reader) {
  Positions positions;
  std::array<Message, 3> copies;
  for (int reads = 0; reads < 12; ++reads) {
    const auto copied = reader.read(copies);
    for (std::uint64_t i = 0; copied.result == ring::ReadResult::ok && i < copied.count; ++i) {
      const auto position = reader.position() - copied.count + i;
      positions.push_back(copies[i] == Message::of(position) ? position : ~std::uint64_t{0});
    }
  }
  return positions;
}

class LifeOfALossyReader : public World {
public:
  using Memory = SharedBytes;
  LifeOfALossyReader(Memory& memory, const LossyLife& life)
      : memory_(memory), life_(life), survivors_(memory, life.shape),
        protocol_(memory.members, memory.readers, the_dead) {
    survivors_.publish_unread();
  }
  void operate() override {
    const auto claim = protocol_.claim(its_id(), {}, nobody);
    const auto word = protocol_.join(claim);
    auto reader = *LossyReader::join(memory_.ring(), claim.line,
                                     {.from = life_.from, .position = life_.shape.position - life_.ago}, spins);
    const auto asked = reader.position();
    const auto copied = copy_all(reader);
    auto expected = survivors_.from(asked + reader.lost());
    if (life_.shape.dead_claims != 0) {
      std::erase_if(expected, [&](std::uint64_t position) { return position >= life_.shape.position; });
    }
    if (copied != expected) {
      std::abort();
    }
    reader.leave();
    protocol_.leave(claim.line, word, true, never);
  }
  void recover() override {
    if (!has_looked_) {
      has_looked_ = true;
      const auto gate = memory_.readers[own_line].gate.observe();
      wrong_ = ring::is_gating(gate) ? "a lossy reader holds the producers back" : "";
    }
    survivors_.recover();
  }
  Verdict verdict() override {
    Verdict verdict{.wrong = wrong_.empty() ? survivors_.drain() : wrong_, .outcome = 0};
    if (!verdict.wrong.empty()) {
      return verdict;
    }
    ring::MemberProtocol<> protocol(memory_.members, memory_.readers, the_survivor);
    const auto claim = protocol.claim(its_id(), {}, nobody);
    if (claim.outcome != ring::ClaimOutcome::claimed && claim.outcome != ring::ClaimOutcome::resumed) {
      return {"the id has lost its line"};
    }
    if (ring::is_gating(claim.kept_position)) {
      return {"a place was kept for a lossy reader"};
    }
    verdict.outcome = claim.outcome == ring::ClaimOutcome::resumed ? 1 : 0;
    const auto word = protocol.join(claim);
    auto reader = LossyReader::join(memory_.ring(), claim.line, {.from = JoinFrom::oldest}, spins);
    if (!reader) {
      return {"the line is held"};
    }
    const auto begin = reader->position();
    if (begin - survivors_.oldest() > 1 || copy_all(*reader) != survivors_.from(begin)) {
      return {"the next lossy reader did not get everything that is there"};
    }
    reader->leave();
    protocol.leave(claim.line, word, false, 0);
    verdict.wrong = survivors_.work_on();
    return verdict;
  }
  std::uint64_t promised() const override { return 1; }

private:
  Memory& memory_;
  LossyLife life_;
  Survivors survivors_;
  ring::MemberProtocol<> protocol_;
  bool has_looked_ = false;
  std::string wrong_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 2U}) { // the unread begin so far in front of the end of the ring
    for (const auto& place : places(ring_slots, phase)) {
      const auto add = [&](const char* what, const ReadingShape& shape, LossyLife life) {
        life.shape = shape;
        life.shape.position = place.position;
        all.push_back(scenario_of<LifeOfALossyReader>(
            fmt::format("{}, {} of {} unread, {}", what, shape.unread, ring_slots, place.name), life));
      };
      add("lossy at latest", {.read = 0, .unread = 0}, {.from = JoinFrom::latest});
      add("lossy at oldest", {.read = 10, .unread = 8}, {.from = JoinFrom::oldest});
      add("lossy at oldest, over an aborted claim", {.read = 5, .unread = 6, .has_an_abort = true},
          {.from = JoinFrom::oldest});
      add("lossy, lapped", {.read = 16, .unread = 5}, {.from = JoinFrom::sequence, .ago = 16});
      add("lossy, behind a dead claim", {.read = 9, .unread = 3, .dead_claims = 1},
          {.from = JoinFrom::sequence, .ago = 2});
      add("lossy, behind two dead claims", {.read = 9, .unread = 2, .dead_claims = 2},
          {.from = JoinFrom::sequence, .ago = 2});
      // One slot left, and none; two dead claims take three.
      add("lossy at latest", {.read = 9, .unread = 7}, {.from = JoinFrom::latest});
      add("lossy at oldest", {.read = 9, .unread = 7}, {.from = JoinFrom::oldest});
      add("lossy, behind a dead claim", {.read = 9, .unread = 6, .dead_claims = 1},
          {.from = JoinFrom::sequence, .ago = 1});
      for (const std::uint64_t unread : {4U, 5U}) {
        add("lossy, behind two dead claims", {.read = 9, .unread = unread, .dead_claims = 2},
            {.from = JoinFrom::sequence, .ago = 1});
      }
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_lossy", scenarios(), {.recoveries_max = 1, .one_of = 2});
}
