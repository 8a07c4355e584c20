#pragma once

// What a reader of a soak does with each message: is it the one that must come next? Of each stream the numbers come in
// order, each once; a producer that died has published what it was told was accepted, and at most one more; what a
// reader is given again after its own death is no more than what it had in hand; and messages are skipped only where it
// was told of at least as many blocks that it missed.

#include "ledger.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace ringfleet::soak {

struct Element {
  std::uint64_t stream;
  std::uint64_t life;
  std::uint64_t number;
  std::uint64_t check;

  [[nodiscard]] static Element of(std::uint64_t stream, std::uint64_t life, std::uint64_t number) noexcept {
    return {stream, life, number, stream ^ (life << 48U) ^ (number * 0x9e37'79b9'7f4a'7c15U)};
  }
  friend bool operator==(const Element&, const Element&) = default;
};

// Messages of a stream from `begin` on and before `end` that were accepted for sure.
[[nodiscard]] std::uint64_t accepted_between(Stream& stream, const Place& begin, const Place& end);

class Reading {
public:
  // How it came to the channel. `missed`: blocks, as the subscriber says.
  struct Beginning {
    bool resumed = false;
    bool anywhere = false; // a newcomer: the first message of each stream may be any
    bool lossy = false;    // may be told that it missed something at any time, not only in the beginning
    bool dense = false;    // one producer: each message is one block, and no block is anything else
    std::uint64_t missed = 0;
  };
  Reading(Ledger& ledger, Channel& channel, Readings& mine, std::string who, const Beginning& beginning);

  // As the subscriber says now: it may have grown.
  void missed(std::uint64_t blocks);
  // After each poll: `position` is the first block that was not read.
  void came_to(std::uint64_t position) noexcept { mine_.end = position; }
  // The message in block `position`.
  void take(const Element& element, std::uint64_t position);

private:
  void note_missed(std::uint64_t blocks);
  void check_position(std::uint64_t position);
  void check_number(const Element& element);
  void check_gap(const Element& element, const Place& next);
  void check_end_of(std::uint64_t stream, std::uint64_t life, std::uint64_t count);
  void complain_about(const Element& element, const std::string& text);

  Ledger& ledger_;
  Channel& channel_;
  Readings& mine_;
  std::string who_;
  Beginning beginning_;
  bool is_first_ = true;
  std::uint64_t repeats_left_;
  std::array<bool, streams_max> is_new_{}; // has seen no message of this stream, and does not know what must come
};

} // namespace ringfleet::soak
