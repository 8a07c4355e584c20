// Who does not produce for the hostile side, and meets it all the same: a producer whose fellow is stopped inside a
// claim while a hostile reader changes its gate after each of its instructions; one among producers that write
// nonsense; a reader that follows a hostile one; readers that wait for a hostile producer. fault 21.

#include "flip_rings.hpp"
#include "message.hpp"
#include "ringfleet/base/clock.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};
constexpr ring::BarrierOptions parks{.waiting = ring::Waiting::park, .shared = false};
constexpr MonotonicNs long_ago = 1;
MonotonicNs soon() {
  return deadline_after(monotonic_now(), std::chrono::microseconds(20));
}

// Nobody but the hostile reader reads, and another producer is stopped inside its claim: nothing is written over that,
// and when it goes on, whoever joins at oldest gets all that is there.
class BesideOpenClaim final : public Victim {
public:
  BesideOpenClaim() {
    hostile_ = ManyProducersRing<Message>::Reader::join(ring_.memory(), hostile_line, {}, spins);
    stopped_.emplace(ring_.producer(spins));
    producer_.emplace(ring_.producer(parks));
    (void)stopped_->try_claim(1, open_);
    stopped_->slot(open_) = Message::of(open_);
  }
  std::vector<Field> fields() override { return ring_.table.fields_of_hostile(); }
  std::string read() override {
    std::uint64_t position = 0;
    while (producer_->claim(1, position, long_ago) == ring::ClaimResult::claimed) {
      if (position - open_ >= flip_slots) {
        return "a claim reaches over one that is not finished";
      }
      producer_->slot(position) = Message::of(position);
      producer_->publish(position, 1);
    }
    return {};
  }
  std::string others(bool in_peace) override {
    if (!in_peace) {
      return {};
    }
    stopped_->publish(open_, 1);
    auto reader =
        ManyProducersRing<Message>::Reader::join(ring_.memory(), honest_line, {.from = ring::JoinFrom::oldest}, spins);
    std::string wrong;
    std::uint64_t read = 0;
    for (int polls = 0; polls < 4; ++polls) {
      (void)reader->available();
      auto expected = reader->position();
      (void)reader->poll([&](const Message& message) {
        wrong = message == Message::of(expected++) ? wrong : "what was published is overwritten";
        ++read;
      });
    }
    return read == 0 ? "nothing can be read any more" : wrong;
  }

private:
  ManyProducersRing<Message> ring_;
  std::optional<ManyProducersRing<Message>::Reader> hostile_;
  std::optional<ManyProducersRing<Message>::Producer> stopped_;
  std::optional<ManyProducersRing<Message>::Producer> producer_;
  std::uint64_t open_ = 0;
};

// The other producers write nonsense into what they share. What is promised is little: an end, and no other memory.
class AmongHostile final : public Victim {
public:
  AmongHostile() {
    reader_ = ManyProducersRing<Message>::Reader::join(ring_.memory(), honest_line, {}, spins);
    other_.emplace(ring_.producer(spins));
    producer_.emplace(ring_.producer(parks));
    (void)other_->try_push(Message::of(0));
  }
  std::vector<Field> fields() override { return ring_.fields_of_producers(); }
  std::string read() override {
    for (std::uint64_t i = 0; i < 2; ++i) {
      std::uint64_t position = 0;
      const auto result =
          i == 0 ? producer_->try_claim_contiguous(2, position) : producer_->claim(2, position, long_ago);
      if (result != ring::ClaimResult::claimed) {
        continue;
      }
      producer_->slot(position) = producer_->slot(position + 1) = Message::of(position);
      if (!ring_.units.holds(std::as_bytes(producer_->span(position, 2)))) {
        return "a claim outside of the slots";
      }
      if (i == 0) {
        producer_->publish(position, 2);
      } else {
        producer_->abort(position, 2);
      }
    }
    (void)producer_->repair([](std::uint64_t identity) { return identity > 2; });
    (void)producer_->wait_for_readers(flip_first + 1, long_ago);
    return {};
  }

private:
  ManyProducersRing<Message> ring_;
  std::optional<ManyProducersRing<Message>::Reader> reader_;
  std::optional<ManyProducersRing<Message>::Producer> other_;
  std::optional<ManyProducersRing<Message>::Producer> producer_;
};

// It passes no gate of the hostile reader that it sees; whatever it sees, it gets what was published, once and in
// order.
template <class Ring>
class Following final : public Victim {
public:
  Following() {
    hostile_ = Ring::Reader::join(ring_.memory(), hostile_line, {}, spins);
    static constexpr std::array<std::uint32_t, 1> before{hostile_line};
    follower_ = Ring::Reader::join(ring_.memory(), honest_line, {.follows = before}, parks);
    producer_.emplace(ring_.producer(spins));
    publish();
  }
  std::vector<Field> fields() override { return ring_.table.fields_of_hostile(); }
  std::string read() override {
    std::string wrong;
    (void)follower_->wait(1, soon());
    (void)follower_->poll([&](const Message& message) {
      wrong = message == Message::of(next_++) ? wrong : "a follower gets what is not next";
    });
    return next_ - flip_first > published_ ? "a follower gets what nobody has published" : wrong;
  }
  std::string others(bool /*in_peace*/) override {
    publish(); // if the follower and the hostile gate leave room
    return {};
  }

private:
  void publish() {
    std::uint64_t position = 0;
    while (producer_->try_claim(1, position) == ring::ClaimResult::claimed) {
      producer_->slot(position) = Message::of(position);
      Ring::publish(*producer_, position);
      ++published_;
    }
  }

  Ring ring_;
  std::optional<typename Ring::Reader> hostile_;
  std::optional<typename Ring::Reader> follower_;
  std::optional<typename Ring::Producer> producer_;
  std::uint64_t next_ = flip_first;
  std::uint64_t published_ = 0;
};

// What it waits for comes and goes, and the bells ring.
template <class Ring>
class Waiting final : public Victim {
public:
  Waiting() : reader_(Ring::Reader::join(ring_.memory(), honest_line, {}, parks)), producer_(ring_.producer(spins)) {}
  std::vector<Field> fields() override { return ring_.fields_of_producers(); }
  std::string read() override {
    if (reader_->wait(1, soon()) == ring::BarrierResult::reached) {
      std::uint64_t read = 0;
      (void)reader_->poll([&](const Message&) { ++read; });
      return read > flip_slots ? "a reader gets more than a ring holds" : "";
    }
    return {};
  }

private:
  Ring ring_;
  std::optional<typename Ring::Reader> reader_;
  typename Ring::Producer producer_;
};

template <class V>
Attack attack_on(std::string name, bool never_rests = true) {
  return {.name = std::move(name),
          .make = [] { return std::make_unique<V>(); },
          .instructions_each = never_rests ? 50'000U : 5'000U,
          .never_rests = never_rests};
}

} // namespace

int main(int argc, char** argv) {
  return flip_main(argc, argv, "flip_ring",
                   {attack_on<BesideOpenClaim>("one of many producers, beside an open claim"),
                    attack_on<AmongHostile>("one of many producers, among hostile ones", false),
                    attack_on<Following<OneProducerRing<Message>>>("a reader that follows"),
                    attack_on<Following<ManyProducersRing<Message>>>("a reader of many producers that follows"),
                    attack_on<Waiting<OneProducerRing<Message>>>("a reader that waits"),
                    attack_on<Waiting<ManyProducersRing<Message>>>("a reader of many producers that waits")},
                   10'000);
}
