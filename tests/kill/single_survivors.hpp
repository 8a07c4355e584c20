#pragma once

// Who lives on when a reader of a ring with one producer dies: the producer, or its heir where it died before, and a
// witness that gets everything. They keep the ledger of what was published.

#include "known_members.hpp"
#include "ring_memory.hpp"
#include "ringfleet/ring/member_protocol.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace ringfleet::kill {

// The state of the ring: `read` positions are behind the witness, and `unread`, from `position` on, before it.
struct SingleShape {
  std::uint64_t position = 0;
  std::uint64_t read = 0;
  std::uint64_t unread = 0;
  std::uint64_t claimed = 0; // behind them, by a producer that wrote something there and died
};

class SingleSurvivors {
public:
  using Shape = SingleShape;
  using Reader = ring::Reader<Message>;
  using Producer = ring::Producer<Message>;

  SingleSurvivors(RingBytes& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory.format(first());
    witness_.emplace(*Reader::join(memory.ring(), witness_line, {}, spins));
    producer_.emplace(memory.ring(), spins);
    for (std::uint64_t i = 0; i < shape.read; ++i) {
      (void)publish();
      (void)witness_->poll([](const Message&) {});
    }
  }
  void publish_unread() {
    for (std::uint64_t i = 0; i < shape_.unread; ++i) {
      (void)publish();
    }
    std::uint64_t position = 0;
    if (shape_.claimed != 0 && producer_->try_claim(shape_.claimed, position) == ring::ClaimResult::claimed) {
      for (std::uint64_t i = 0; i < shape_.claimed; ++i) {
        producer_->slot(position + i) = Message::of(~position);
      }
    }
  }

  // The others are dead, and one of us may have died in this very function.
  void recover() {
    ring::MemberProtocol<> protocol(memory_.members, memory_.readers, the_survivor);
    for (std::size_t line = 0; line < ring_lines; ++line) {
      (void)protocol.settle(line, never, has_died_by_now);
    }
    if (shape_.claimed != 0) {
      producer_.emplace(memory_.ring(), spins);
    }
  }

  // Of what was published, that at `position` and beyond it.
  [[nodiscard]] Positions from(std::uint64_t position) const {
    Positions rest;
    for (auto there = std::max(first(), position); there < end_; ++there) {
      rest.push_back(there);
    }
    return rest;
  }
  [[nodiscard]] Positions copied_from(std::uint64_t position) const { return from(position); }
  // Nothing before this can be there any more.
  [[nodiscard]] std::uint64_t oldest() const { return std::max(first(), end_ + shape_.claimed - ring_slots); }

  [[nodiscard]] std::string drain() {
    return read_all() == from(shape_.position) ? "" : "the witness did not get everything once and in order";
  }
  // When all other readers are gone: the producer has the whole ring, and no more than that.
  [[nodiscard]] std::string work_on() {
    for (int laps = 0; laps < 2; ++laps) {
      const auto begin = end_;
      for (std::uint64_t i = 0; i < ring_slots; ++i) {
        if (!publish()) {
          return fmt::format("the ring takes {} of {}: somebody dead holds it back", i, ring_slots);
        }
      }
      if (publish()) {
        return "the ring has more than its capacity";
      }
      if (read_all() != from(begin)) {
        return "what a survivor published did not arrive";
      }
    }
    return {};
  }

private:
  [[nodiscard]] std::uint64_t first() const { return shape_.position - shape_.read; }
  bool publish() {
    std::uint64_t position = 0;
    if (producer_->try_claim(1, position) != ring::ClaimResult::claimed) {
      return false;
    }
    producer_->slot(position) = Message::of(position);
    producer_->publish(position + 1);
    ++end_;
    return true;
  }
  Positions read_all() {
    Positions positions;
    for (int polls = 0; polls < 4; ++polls) {
      (void)witness_->available();
      auto expected = witness_->position();
      (void)witness_->poll([&](const Message& message) {
        positions.push_back(message == Message::of(expected) ? expected : ~std::uint64_t{0});
        ++expected;
      });
    }
    return positions;
  }

  RingBytes& memory_;
  Shape shape_;
  std::optional<Producer> producer_;
  std::optional<Reader> witness_;
  std::uint64_t end_ = first();
};

} // namespace ringfleet::kill
