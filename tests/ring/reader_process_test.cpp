// T7, T8, T11, fault 6: reliable readers in processes, dead at random accesses to shared words: while they claim their
// line, join, wait, read, release, leave. They stop gating at once; the same id goes on where it was; the ledger is
// exact.
//
// RINGFLEET_TEST_ROUNDS: how many deaths; RINGFLEET_TEST_SEED.

#include "../mortals.hpp"
#include "../scale.hpp"
#include "../seed.hpp"
#include "reader_life.hpp"

#include <array>
#include <optional>
#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// Everything is published here, and whoever has died is cleared here.
class Field {
public:
  explicit Field(std::uint64_t first_position) {
    format_ring(memory_->ring(), first_position);
    producer_.emplace(memory_->ring(), parks);
    protocol_.emplace(memory_->members, memory_->readers, ActorMark::of(os::own_identity()));
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  void start(unsigned worker, std::uint64_t steps_to_live, std::uint64_t seed) {
    memory_->accounts[worker] = {};
    readers_.start(worker, [&] {
      DyingAtomics::steps_to_live = steps_to_live;
      Life(*memory_, memory_->accounts[worker], worker, seed).live();
    });
  }
  void kill_one(unsigned worker) { readers_.kill(worker); }
  bool reap(unsigned worker) {
    const auto pid = static_cast<std::uint32_t>(readers_.pid(worker));
    const auto fate = readers_.reap(worker);
    if (fate == Readers::Fate::alive) {
      return false;
    }
    expect(fate == Readers::Fate::killed, "a reader ended by itself");
    clear(pid);
    settle_account(worker);
    return true;
  }

  void publish(std::uint64_t count) {
    std::uint64_t first = 0;
    if (producer_->claim(count, first, monotonic_now() + 1'000'000) != ClaimResult::claimed) {
      return; // by a living one, or by one whose death comes to light now
    }
    for (auto position = first; position != first + count; ++position) {
      producer_->slot(position) = {position, check_of(position)};
    }
    producer_->publish(first + count);
  }

  [[nodiscard]] std::uint64_t published() const { return producer_->published(); }
  // What was wrong first; empty: nothing.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] std::uint64_t read() const { return read_; }
  [[nodiscard]] std::uint64_t redelivered() const { return redelivered_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  [[nodiscard]] std::uint64_t resumed() const { return resumed_; }

private:
  using Readers = ringfleet::test::Mortals<workers>;

  // Of one id, over all its lives.
  struct Ledger {
    std::uint64_t released = 0;
    std::uint64_t handled = 0;
    bool is_known = false;
    bool may_be_forgotten = false;
  };

  void expect(bool is_right, const char* what_is_wrong) {
    if (!is_right && wrong_.empty()) {
      wrong_ = what_is_wrong;
    }
  }

  // Nobody waits for the dead one any more, whether or not the ring is full.
  void clear(std::uint32_t pid) {
    for (std::size_t line = 0; line < lines_total; ++line) {
      if (protocol_->look(line).actor.pid != pid || !protocol_->look(line).has_actor()) {
        continue;
      }
      const auto word = protocol_->settle(line, never, is_surely_dead);
      const auto gate = memory_->readers[line].gate.observe();
      expect(!word.has_actor() || word.actor.pid != pid, "a dead reader holds its line");
      expect(word.has_actor() || protocol_->look(line) != word || gate == no_reader, "a dead reader gates");
    }
  }

  void settle_account(unsigned worker) {
    const auto& account = memory_->accounts[worker];
    auto& ledger = ledgers_[worker];
    expect(account.wrong == 0, "a reader saw what it should not, or came back elsewhere than it had left");
    if (account.is_told == 0) {
      return;
    }
    if (account.is_resumed != 0) {
      ++resumed_;
    }
    if (ledger.is_known && !ledger.may_be_forgotten) {
      expect(account.is_resumed != 0, "an id is forgotten");
      expect(!is_before(account.from, ledger.released), "what was released comes again");
      expect(!is_before(ledger.handled, account.from), "something is left out, and nobody was told");
      redelivered_ += is_before(account.first, ledger.handled) ? ledger.handled - account.first : 0;
    }
    read_ += account.read;
    missed_ += account.missed;
    ledger = {.released = account.released,
              .handled = account.handled,
              .is_known = true,
              .may_be_forgotten = account.is_leaving_for_good != 0};
  }

  ringfleet::test::ForkShared<Memory> memory_;
  std::optional<Producer<Element>> producer_;
  std::optional<MemberProtocol<>> protocol_;
  Readers readers_;
  std::array<Ledger, workers> ledgers_{};
  std::string wrong_;
  std::uint64_t read_ = 0;
  std::uint64_t redelivered_ = 0;
  std::uint64_t missed_ = 0;
  std::uint64_t resumed_ = 0;
};

} // namespace

TEST_CASE(
    "ring: readers that die anywhere stop gating at once, and their ids go on where they were (1p3c, processes)") {
  const auto seed = ringfleet::test::seed_or(std::random_device{}());
  const auto deaths = ringfleet::test::rounds_or(2'000 / ringfleet::test::scale_down);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto steps_to_live = [&] { return 1 + random() % (random() % 4 == 0 ? 40 : 1'500); };
  Field field((1ULL << 42) - 1'000);
  for (unsigned worker = 0; worker < workers; ++worker) {
    field.start(worker, steps_to_live(), random());
  }
  for (std::uint64_t died = 0; died < deaths;) {
    field.publish(1 + random() % 8);
    if (random() % 64 == 0) {
      field.kill_one(static_cast<unsigned>(random() % workers));
    }
    for (unsigned worker = 0; worker < workers; ++worker) {
      if (field.reap(worker)) {
        field.start(worker, steps_to_live(), random());
        ++died;
      }
    }
    REQUIRE(field.wrong() == "");
  }
  CHECK(field.resumed() > 0);
  MESSAGE("seed ", seed, ": ", deaths, " deaths, ", field.resumed(), " resumed, ", field.read(), " elements read, ",
          field.redelivered(), " handled again, ", field.missed(), " told as overwritten");
}
