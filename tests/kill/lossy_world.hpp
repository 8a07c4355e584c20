#pragma once

// The life of a lossy reader, of a ring with one producer or with many: it joins, copies, is lapped, leaves, and holds
// nobody back at any moment. Whoever comes next under its id gets its line, and everything that is there.

#include "known_members.hpp"
#include "message.hpp"
#include "ring_memory.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "scenario.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace ringfleet::kill {

inline constexpr std::uint32_t own_line = 0; // the first that is free

template <class Shape>
struct LossyLife {
  Shape shape = {};
  ring::JoinFrom from = ring::JoinFrom::latest;
  std::uint64_t ago = 0; // with JoinFrom::sequence: so far before `position`
  ring::Resume resume = ring::Resume::oldest;
};

// A position that is not told right, or a copy that is not that message, is ~0.
template <class LossyReader>
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

template <class Bytes, class LossyReader, class Survivors>
class LifeOfALossyReader : public World {
public:
  using Memory = Bytes;
  using Life = LossyLife<typename Survivors::Shape>;
  LifeOfALossyReader(Memory& memory, const Life& life)
      : memory_(memory), life_(life), survivors_(memory, life.shape),
        protocol_(memory.members, memory.readers, the_dead) {
    survivors_.publish_unread();
  }
  void operate() override {
    const auto claim = protocol_.claim(its_id(), {}, nobody);
    const auto word = protocol_.join(claim);
    auto reader = *LossyReader::join(
        memory_.ring(), claim.line,
        {.from = life_.from, .position = life_.shape.position - life_.ago, .resume = life_.resume}, spins);
    const auto asked = reader.position();
    const auto copied = copy_all(reader);
    if (copied != survivors_.copied_from(asked + reader.lost())) {
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
    auto reader = LossyReader::join(memory_.ring(), claim.line, {.from = ring::JoinFrom::oldest}, spins);
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
  Life life_;
  Survivors survivors_;
  ring::MemberProtocol<> protocol_;
  bool has_looked_ = false;
  std::string wrong_;
};

} // namespace ringfleet::kill
