// Readers of rings with many producers, killed after each instruction of their lives: they join at the latest, at the
// oldest and where they were, behind claims of the dead as well, follow others or are followed, read, release, leave.
// faults 6, 7, 39.

#include "shared_survivors.hpp"
#include "stepkill.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using ring::JoinFrom;

constexpr std::uint32_t own_line = 0; // of whoever dies: the first that is free
constexpr std::uint32_t other_line = 1;
constexpr std::array follows_the_other{other_line};
constexpr std::array follows_the_dead{own_line};

enum class Beside : std::uint8_t { nobody, one_that_it_follows, a_follower };

struct Life {
  ReadingShape shape = {};
  JoinFrom from = JoinFrom::latest;
  std::optional<std::uint64_t> ago = {}; // it had been there, and was so far before `position` then
  std::uint64_t reads = 0;
  bool leaves_for_good = false;
  Beside beside = Beside::nobody;
  std::uint64_t others_reads = 0; // what it follows has read so much
};

// The id as it was left by its earlier life, or none.
void keep_place(SharedBytes& memory, std::uint64_t position) {
  ring::MemberProtocol<> protocol(memory.members, memory.readers, the_dead);
  const auto claim = protocol.claim(its_id(), {}, nobody);
  const auto word = protocol.join(claim);
  Atomics::store_release(memory.members[claim.line].kept_position, position);
  protocol.leave(claim.line, word, true, never);
}

class LifeOfAReader : public World {
public:
  using Memory = SharedBytes;
  LifeOfAReader(Memory& memory, const Life& life)
      : memory_(memory), life_(life), survivors_(memory, life.shape),
        protocol_(memory.members, memory.readers, the_dead) {
    if (life.beside != Beside::nobody) {
      other_.emplace(*SharedReader::join(memory_.ring(), other_line,
                                         {.from = JoinFrom::latest,
                                          .follows = life.beside == Beside::a_follower
                                                         ? std::span<const std::uint32_t>(follows_the_dead)
                                                         : std::span<const std::uint32_t>()},
                                         spins));
    }
    survivors_.publish_unread();
    for (std::uint64_t i = 0; i < life.others_reads; ++i) {
      (void)other_->poll([](const Message&) {}, 1);
    }
    if (life.ago) {
      keep_place(memory, kept_before());
    }
    switch (life.from) {
    case JoinFrom::latest: begin_ = ring::first_unfinished(memory.ring().lines()); break;
    case JoinFrom::oldest: begin_ = ring::oldest_claim(memory.ring().lines()); break;
    case JoinFrom::sequence: begin_ = std::max(kept_before(), ring::oldest_claim(memory.ring().lines()));
    }
  }
  void operate() override {
    const auto claim = protocol_.claim(its_id(), {}, nobody);
    const auto word = protocol_.join(claim);
    auto reader =
        *SharedReader::join(memory_.ring(), claim.line,
                            {.from = life_.from, .position = claim.kept_position, .follows = followed()}, spins);
    for (std::uint64_t i = 0; i < life_.reads; ++i) {
      (void)reader.available();
      const auto position = reader.position();
      bool is_right = !is_ahead_of_the_other(position);
      const auto polled =
          reader.poll([&](const Message& message) { is_right = is_right && message == Message::of(position); }, 1);
      if (polled.count != 1 || !is_right) {
        std::abort();
      }
    }
    Atomics::store_release(memory_.members[claim.line].kept_position, reader.position());
    reader.leave();
    protocol_.leave(claim.line, word, !life_.leaves_for_good, never);
  }
  void recover() override {
    if (!has_looked_) {
      has_looked_ = true;
      wrong_ = look_at_the_dead();
    }
    survivors_.recover();
  }
  Verdict verdict() override {
    Verdict verdict{.wrong = wrong_.empty() ? survivors_.drain() : wrong_, .outcome = 0};
    if (verdict.wrong.empty() && life_.beside == Beside::a_follower &&
        read_all(*other_) != survivors_.from(life_.shape.position)) {
      verdict.wrong = "a reader that followed the dead one did not get everything once and in order";
    }
    if (verdict.wrong.empty()) {
      verdict = come_back();
    }
    if (other_) {
      other_->leave();
    }
    if (verdict.wrong.empty()) {
      verdict.wrong = survivors_.work_on();
    }
    return verdict;
  }
  std::uint64_t promised() const override {
    return life_.leaves_for_good ? gone
                                 : outcome_at(life_.reads == 0 ? begin_ : survivors_.from(begin_)[life_.reads - 1] + 1);
  }

private:
  static constexpr std::uint64_t gone = 1'000;

  [[nodiscard]] std::uint64_t kept_before() const { return life_.shape.position - life_.ago.value_or(0); }
  [[nodiscard]] std::uint64_t outcome_at(std::uint64_t kept) const {
    return life_.ago ? kept - kept_before() : 1 + kept - survivors_.first();
  }
  [[nodiscard]] std::span<const std::uint32_t> followed() const {
    return life_.beside == Beside::one_that_it_follows ? std::span<const std::uint32_t>(follows_the_other)
                                                       : std::span<const std::uint32_t>();
  }
  [[nodiscard]] bool is_ahead_of_the_other(std::uint64_t position) const {
    return life_.beside == Beside::one_that_it_follows && position >= memory_.readers[other_line].gate.observe();
  }

  // Before anybody recovers.
  std::string look_at_the_dead() {
    const auto gate = memory_.readers[own_line].gate.observe();
    const auto began = memory_.readers[own_line].began;
    if (began != 0 && !may_begin_at(began - 1)) {
      return fmt::format("it begins at {}, which is not what it asked for", began - 1);
    }
    if (ring::is_gating(gate) && began != 0 && gate != began - 1) {
      released_ = gate;
    }
    if (life_.beside == Beside::a_follower && ring::is_gating(gate)) {
      const auto lines = memory_.ring().lines();
      for (auto border = other_->position(); other_->sequencer().is_there(border);) {
        const auto claim = ring::look_at(lines, border);
        if (claim.fate == ring::Fate::committed && claim.end() > gate) {
          return "a follower passes the reader that it follows";
        }
        border = claim.end();
      }
    }
    return {};
  }
  [[nodiscard]] bool may_begin_at(std::uint64_t begin) const {
    const bool is_old = begin - survivors_.oldest() <= 1; // to the end of a claim that is half gone
    switch (life_.from) {
    case JoinFrom::latest: return begin == (life_.shape.dead_claims != 0 ? life_.shape.position : survivors_.end());
    case JoinFrom::oldest: return is_old;
    case JoinFrom::sequence: break;
    }
    return kept_before() < survivors_.oldest() ? is_old : begin == kept_before();
  }

  // A successor under the same id, at the place that was kept for it.
  Verdict come_back() {
    ring::MemberProtocol<> protocol(memory_.members, memory_.readers, the_survivor);
    const auto claim = protocol.claim(its_id(), {}, nobody);
    Verdict verdict;
    const bool has_place = ring::is_gating(claim.kept_position);
    if (claim.outcome == ring::ClaimOutcome::resumed) {
      verdict.outcome = has_place ? outcome_at(claim.kept_position) : 0;
      if (!has_place && (life_.ago || released_)) {
        verdict.wrong = "the place of the id is lost";
      } else if (released_ && claim.kept_position != *released_) {
        verdict.wrong = "what it had released comes again, or is skipped";
      }
    } else if (claim.outcome != ring::ClaimOutcome::claimed || (life_.ago && !life_.leaves_for_good)) {
      verdict.wrong = "the id has lost its line";
    } else {
      verdict.outcome = life_.leaves_for_good ? gone : 0;
    }
    const auto word = protocol.join(claim);
    auto reader = SharedReader::join(memory_.ring(), claim.line,
                                     {.from = has_place ? JoinFrom::sequence : JoinFrom::oldest,
                                      .position = claim.kept_position,
                                      .follows = followed()},
                                     spins);
    if (!reader) {
      return {"the id comes back where nothing is yet, or to a line that is held"};
    }
    const auto begin = reader->position();
    if (has_place && begin + 1 != claim.kept_position && begin != claim.kept_position + reader->missed()) {
      verdict.wrong = fmt::format("the id was at {}, begins at {} and is told of {} that it missed",
                                  claim.kept_position, begin, reader->missed());
    }
    auto positions = read_all(*reader);
    if (life_.beside == Beside::one_that_it_follows) {
      if (!positions.empty() && is_ahead_of_the_other(positions.back())) {
        verdict.wrong = "it is ahead of the one that it follows";
      }
      (void)read_all(*other_);
      const auto rest = read_all(*reader);
      positions.insert(positions.end(), rest.begin(), rest.end());
    }
    if (verdict.wrong.empty() && positions != survivors_.from(begin)) {
      verdict.wrong = "who came back did not get everything once and in order";
    }
    reader->leave();
    protocol.leave(claim.line, word, false, 0);
    return verdict;
  }

  Memory& memory_;
  Life life_;
  Survivors survivors_;
  ring::MemberProtocol<> protocol_;
  std::optional<SharedReader> other_;
  std::uint64_t begin_ = 0;
  bool has_looked_ = false;
  std::string wrong_;
  std::optional<std::uint64_t> released_; // up to where, seen before anybody recovered
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 2U}) { // the unread begin so far in front of the end of the ring
    for (const auto& place : places(ring_slots, phase)) {
      const auto add = [&](const char* what, const ReadingShape& shape, Life life) {
        life.shape = shape;
        life.shape.position = place.position;
        all.push_back(scenario_of<LifeOfAReader>(
            fmt::format("{}, {} of {} unread, reads {}, {}", what, shape.unread, ring_slots, life.reads, place.name),
            life));
      };
      add("join at latest", {.read = 0, .unread = 0}, {.from = JoinFrom::latest});
      add("join at latest", {.read = 3, .unread = 8}, {.from = JoinFrom::latest});
      add("join at latest, behind a dead claim", {.read = 9, .unread = 4, .dead_claims = 1},
          {.from = JoinFrom::latest});
      add("join at oldest", {.read = 3, .unread = 4}, {.from = JoinFrom::oldest, .reads = 5});
      add("join at oldest, within a claim", {.read = 16, .unread = 6}, {.from = JoinFrom::oldest, .reads = 2});
      add("join at oldest, behind a dead claim", {.read = 10, .unread = 2, .dead_claims = 1},
          {.from = JoinFrom::oldest, .reads = 4});
      add("come back", {.read = 9, .unread = 8}, {.from = JoinFrom::sequence, .ago = 0, .reads = 8});
      add("come back to an aborted claim", {.read = 2, .unread = 6, .has_an_abort = true},
          {.from = JoinFrom::sequence, .ago = 2, .reads = 5});
      add("come back too late", {.read = 16, .unread = 4}, {.from = JoinFrom::sequence, .ago = 16, .reads = 3});
      add("come back and leave", {.read = 4, .unread = 5},
          {.from = JoinFrom::sequence, .ago = 1, .reads = 3, .leaves_for_good = true});
      add("come back and follow", {.read = 1, .unread = 7},
          {.from = JoinFrom::sequence, .ago = 0, .reads = 3, .beside = Beside::one_that_it_follows, .others_reads = 5});
      add("come back and follow, over an aborted claim", {.read = 9, .unread = 8, .has_an_abort = true},
          {.from = JoinFrom::sequence, .ago = 0, .reads = 2, .beside = Beside::one_that_it_follows, .others_reads = 3});
      add("come back and be followed", {.read = 9, .unread = 6},
          {.from = JoinFrom::sequence, .ago = 0, .reads = 4, .beside = Beside::a_follower});
      // The dead claims lie where it has read everything before them; with two of them their producers died at once.
      for (const std::uint64_t dead : {1U, 2U}) {
        const ReadingShape behind{.read = 9, .unread = 5 - positions_of_dead(dead), .dead_claims = dead};
        const auto add_behind = [&](const std::string& what, const Life& life) {
          add((what + (dead == 1 ? ", a dead claim ahead" : ", two dead claims ahead")).c_str(), behind, life);
        };
        add_behind("come back", {.from = JoinFrom::sequence, .ago = 3, .reads = 3});
        add_behind("come back and leave", {.from = JoinFrom::sequence, .ago = 2, .reads = 2, .leaves_for_good = true});
        add_behind("come back and follow", {.from = JoinFrom::sequence,
                                            .ago = 3,
                                            .reads = 2,
                                            .beside = Beside::one_that_it_follows,
                                            .others_reads = 2});
        add_behind("come back and be followed",
                   {.from = JoinFrom::sequence, .ago = 2, .reads = 2, .beside = Beside::a_follower});
      }
      add("join at latest, behind two dead claims", {.read = 9, .unread = 4, .dead_claims = 2},
          {.from = JoinFrom::latest});
      add("join at oldest, behind two dead claims", {.read = 10, .unread = 2, .dead_claims = 2},
          {.from = JoinFrom::oldest, .reads = 2});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_reader", scenarios(), {.recoveries_max = 1, .one_of = 2});
}
