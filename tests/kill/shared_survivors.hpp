#pragma once

// Who lives on when a reader of a ring with many producers dies: a producer, and a witness that gets everything. They
// keep the ledger of what was published.

#include "known_members.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_reader.hpp"
#include "shared_ring_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::kill {

// The state of the ring: `read` positions are behind the witness, and `unread`, from `position` on, before it; both in
// claims of one and of two by turns.
struct ReadingShape {
  std::uint64_t position = 0;
  std::uint64_t read = 0;
  std::uint64_t unread = 0;
  bool has_an_abort = false;     // the second of the unread claims
  std::uint64_t dead_claims = 0; // between what is read and the unread
};

using SharedReader = ring::SharedReader<Message>;

// Where the messages lay that a reader gets now. One that is torn, or is not the one of its position, ends the list
// with ~0.
inline Positions read_all(SharedReader& reader) {
  Positions positions;
  for (int polls = 0; polls < 12; ++polls) {
    (void)reader.available();
    auto expected = reader.position();
    (void)reader.poll([&](const Message& message) {
      positions.push_back(message == Message::of(expected) ? expected : ~std::uint64_t{0});
      ++expected;
    });
  }
  return positions;
}

class Survivors {
public:
  using Shape = ReadingShape;

  // As far as `position`; readers join now, or after publish_unread().
  Survivors(SharedBytes& memory, const ReadingShape& shape) : memory_(memory), shape_(shape) {
    memory.format(first());
    witness_.emplace(*SharedReader::join(memory.ring(), witness_line, {}, spins));
    const auto lines = memory.ring().lines();
    for (const auto owner : {survivor, long_dead, also_dead}) {
      (void)ring::take_owner_from<>(lines, owner, 0, owner);
    }
    producer_.emplace(lines, survivor);
    publish_claims(shape.read, false);
  }
  void publish_unread() {
    leave_dead_claims(memory_, shape_.dead_claims);
    end_ += positions_of_dead(shape_.dead_claims);
    publish_claims(shape_.unread, true);
  }

  // The others are dead, and one of us may have died in this very function.
  void recover() {
    ring::MemberProtocol<> protocol(memory_.members, memory_.readers, the_survivor);
    for (std::size_t line = 0; line < ring_lines; ++line) {
      (void)protocol.settle(line, never, has_died_by_now);
    }
    (void)ring::repair_dead(memory_.ring().lines(), [](std::uint64_t identity) { return identity != survivor; });
  }

  // Of what was published, that at `position` and beyond it.
  [[nodiscard]] Positions from(std::uint64_t position) const {
    Positions rest;
    std::copy_if(published_.begin(), published_.end(), std::back_inserter(rest),
                 [&](std::uint64_t published) { return published >= position; });
    return rest;
  }
  // What a lossy reader gets of that before anybody has recovered: a dead claim ends it.
  [[nodiscard]] Positions copied_from(std::uint64_t position) const {
    auto copied = from(position);
    if (shape_.dead_claims != 0) {
      std::erase_if(copied, [&](std::uint64_t there) { return there >= shape_.position; });
    }
    return copied;
  }
  [[nodiscard]] std::uint64_t first() const { return shape_.position - shape_.read; }
  [[nodiscard]] std::uint64_t end() const { return end_; } // of all claims
  // Nothing before this can be there any more.
  [[nodiscard]] std::uint64_t oldest() const { return std::max(first(), end_ - ring_slots); }

  [[nodiscard]] std::string drain() {
    return read_all(*witness_) == from(shape_.position) ? "" : "the witness did not get everything once and in order";
  }
  // When all other readers are gone: the producer has the whole ring, and no more than that.
  [[nodiscard]] std::string work_on() {
    for (int laps = 0; laps < 2; ++laps) {
      const auto begin = end_;
      for (std::uint64_t i = 0; i < ring_slots; ++i) {
        if (!publish_more(1)) {
          return fmt::format("the ring takes {} of {}: somebody dead holds it back", i, ring_slots);
        }
      }
      if (publish_more(1)) {
        return "the ring has more than its capacity";
      }
      if (read_all(*witness_) != from(begin)) {
        return "what a survivor published did not arrive";
      }
    }
    return {};
  }

private:
  void publish_claims(std::uint64_t positions, bool is_left) {
    const auto end = end_ + positions;
    for (std::uint64_t claim = 0; end_ != end; ++claim) {
      (void)publish_more(std::min(end - end_, 1 + claim % 2), is_left && shape_.has_an_abort && claim == 1);
      if (!is_left) {
        (void)witness_->poll([](const Message&) {});
      }
    }
  }
  bool publish_more(std::uint64_t count, bool aborts = false) {
    if (publish(memory_, *producer_, count, aborts) == 0) {
      return false;
    }
    for (std::uint64_t i = 0; i < count; ++i, ++end_) {
      if (!aborts) {
        published_.push_back(end_);
      }
    }
    return true;
  }

  SharedBytes& memory_;
  ReadingShape shape_;
  std::optional<ring::SharedSequencer<>> producer_;
  std::optional<SharedReader> witness_;
  Positions published_;
  std::uint64_t end_ = first();
};

} // namespace ringfleet::kill
