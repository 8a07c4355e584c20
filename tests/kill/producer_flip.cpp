// Producers of both kinds while a hostile reader changes its line and the count of joins after each of their
// instructions: gates, awaited words, incarnations, bells. It may hold a producer back, as any reader may; an honest
// reader beside it gets everything, in order. And one of many producers among others that write nonsense. faults
// 21, 40.

#include "flip_rings.hpp"
#include "message.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::frame;

namespace {

constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};
constexpr ring::BarrierOptions parks{.waiting = ring::Waiting::park, .shared = false};
constexpr MonotonicNs long_ago = 1;
MonotonicNs soon() {
  return deadline_after(monotonic_now(), std::chrono::microseconds(20));
}
constexpr std::uint64_t instructions_of_operation = 50'000; // more than any of them takes

// What the hostile reader's gate is between two of its lies.
enum class Honestly : std::uint8_t { gone, behind };

template <class Ring>
class BesideHostile : public Victim {
public:
  explicit BesideHostile(Honestly honestly) : honestly_(honestly) {
    // The count of joins belongs to whoever joins: set back, it hides a newcomer. These two are known to the producer.
    auto hostile = Ring::Reader::join(ring_.memory(), hostile_line, {}, spins);
    honest_ = Ring::Reader::join(ring_.memory(), honest_line, {}, spins);
    producer_.emplace(ring_.producer(parks));
    (void)producer_->wait_for_readers(flip_first + 1, long_ago);
    if (honestly == Honestly::gone) {
      hostile.reset();
    } else {
      hostile_.emplace(std::move(*hostile));
    }
  }
  std::vector<Field> fields() override { return ring_.table.fields_of_hostile(); }

protected:
  // In peace nobody but the honest reader holds the producer back, and that one has read everything.
  [[nodiscard]] std::string judge_room(std::uint64_t written, bool in_peace) const {
    return in_peace && honestly_ == Honestly::gone && written == 0 ? "a reader that is gone holds the producer back"
                                                                   : "";
  }

  Ring ring_;
  Honestly honestly_;
  std::optional<typename Ring::Reader> hostile_;
  std::optional<typename Ring::Reader> honest_;
  std::optional<typename Ring::Producer> producer_;
};

enum class Way : std::uint8_t { tries, waits, awaits_readers, evicts };

// Elements of fixed size.
template <class Ring>
class Pushing final : public BesideHostile<Ring> {
public:
  Pushing(Honestly honestly, Way way) : BesideHostile<Ring>(honestly), way_(way), next_(this->honest_->position()) {}

  std::string read() override {
    auto& producer = *this->producer_;
    pushed_ = 0;
    if (way_ == Way::evicts) {
      (void)producer.evict(hostile_line, 1);
    }
    while (pushed_ <= flip_slots) {
      std::uint64_t position = 0;
      const auto result = way_ == Way::tries ? producer.try_claim(1, position) : producer.claim(1, position, soon());
      if (result != ring::ClaimResult::claimed) {
        break;
      }
      producer.slot(position) = Message::of(position);
      Ring::publish(producer, position);
      ++pushed_;
    }
    if (way_ == Way::awaits_readers) {
      (void)producer.wait_for_readers(next_ + pushed_, long_ago);
    }
    return pushed_ > flip_slots ? "more is published than the honest reader has room for" : "";
  }
  std::string others(bool in_peace) override {
    auto& honest = *this->honest_;
    for (std::uint64_t left = pushed_; left != 0; --left) {
      if (honest.available() == 0 || honest.position() != next_) {
        return "an honest reader misses what was published";
      }
      if (!(honest.slot(next_) == Message::of(next_))) {
        return "an honest reader gets what was overwritten";
      }
      if (honest.release(1) != ring::ReadResult::ok) {
        return "an honest reader is evicted";
      }
      ++next_;
    }
    return honest.available() != 0 ? "an honest reader gets what nobody has published"
                                   : this->judge_room(pushed_, in_peace);
  }

private:
  Way way_;
  std::uint64_t next_;
  std::uint64_t pushed_ = 0;
};

// Messages in place, in fragments, and lent.
template <class Ring>
class Writing final : public BesideHostile<Ring> {
public:
  explicit Writing(Honestly honestly)
      : BesideHostile<Ring>(honestly), writer_(*this->producer_, {.max_message = message_max, .arena = &loans_}) {
    (void)views_.open(1, arena_.bytes());
    reader_.emplace(*this->honest_, ReaderOptions{.max_message = message_max, .arenas = &views_});
  }

  std::string read() override {
    written_ = 0;
    for (auto result = WriteResult::written; result == WriteResult::written && written_ <= flip_slots;) {
      result = write(next_ + written_);
      written_ += result == WriteResult::written ? 1 : 0;
    }
    return written_ > flip_slots ? "more is published than the honest reader has room for" : "";
  }
  std::string others(bool in_peace) override {
    std::string wrong;
    const auto end = next_ + written_;
    while (next_ != end && wrong.empty()) {
      View view;
      if (reader_->take(view) != ReadResult::message) {
        return "an honest reader misses what was published";
      }
      const auto bytes = bytes_of(next_);
      wrong = std::ranges::equal(view.bytes, std::span(bytes).first(length_of(next_)))
                  ? ""
                  : "an honest reader gets something else than was published";
      ++next_;
      (void)reader_->release_held();
    }
    View view;
    if (wrong.empty() && reader_->take(view) == ReadResult::message) {
      return "an honest reader gets what nobody has published";
    }
    return wrong.empty() ? this->judge_room(written_, in_peace) : wrong;
  }

private:
  static constexpr std::uint64_t message_max = 400;
  static std::uint64_t length_of(std::uint64_t number) { return std::array{40U, 200U, 300U}[number % 3]; }
  static std::array<std::byte, message_max> bytes_of(std::uint64_t number) {
    std::array<std::byte, message_max> bytes;
    bytes.fill(static_cast<std::byte>(number * 37 + 1));
    return bytes;
  }
  WriteResult write(std::uint64_t number) {
    const auto bytes = bytes_of(number);
    const auto part = std::span(bytes).first(length_of(number));
    if (number % 3 != 2) {
      return writer_.write(part);
    }
    auto loan = writer_.loan(part.size());
    if (!loan) {
      return loan.result();
    }
    std::ranges::copy(part, loan.bytes().begin());
    return loan.commit(part.size());
  }

  Guarded arena_{sizeof(ArenaLines) + 1'024};
  LoanArena<ParkingAtomics> loans_{arena_.bytes()};
  LoanViews views_;
  FrameWriter<typename Ring::Producer, ParkingAtomics> writer_;
  std::optional<FrameReader<typename Ring::Reader>> reader_;
  std::uint64_t next_ = 0;
  std::uint64_t written_ = 0;
};

template <class V, class... Arguments>
Attack attack_on(std::string name, const Arguments&... arguments) {
  return {.name = std::move(name),
          .make = [arguments...] { return std::make_unique<V>(arguments...); },
          .instructions_each = instructions_of_operation,
          .never_rests = true};
}

template <class Messages, class Blocks>
void add_attacks(std::vector<Attack>& attacks, const char* kind) {
  for (const auto& [honestly, who] :
       {std::pair{Honestly::gone, "that is gone"}, std::pair{Honestly::behind, "that hangs back"}}) {
    for (const auto& [way, what] :
         {std::pair{Way::tries, "claims"}, std::pair{Way::waits, "waits for room"},
          std::pair{Way::awaits_readers, "waits for all"}, std::pair{Way::evicts, "evicts"}}) {
      attacks.push_back(
          attack_on<Pushing<Messages>>(fmt::format("{} {}, beside a reader {}", kind, what, who), honestly, way));
    }
    attacks.push_back(
        attack_on<Writing<Blocks>>(fmt::format("{} writes messages, beside a reader {}", kind, who), honestly));
  }
}

} // namespace

int main(int argc, char** argv) {
  std::vector<Attack> attacks;
  add_attacks<OneProducerRing<Message>, OneProducerRing<FrameBlock>>(attacks, "a producer");
  add_attacks<ManyProducersRing<Message>, ManyProducersRing<FrameBlock>>(attacks, "one of many producers");
  return flip_main(argc, argv, "flip_producer", attacks, 10'000);
}
