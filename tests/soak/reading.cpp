#include "reading.hpp"

#include <utility>

namespace ringfleet::soak {

Reading::Reading(Ledger& ledger, Channel& channel, Readings& mine, std::string who, const Beginning& beginning)
    : ledger_(ledger), channel_(channel), mine_(mine), who_(std::move(who)), beginning_(beginning),
      repeats_left_(beginning.resumed ? batch : 0) {
  may_jump_.fill(beginning.anywhere || beginning.lossy || beginning.missed != 0);
  mine_.missed += beginning.missed;
}

void Reading::missed(std::uint64_t blocks) {
  if (blocks > beginning_.missed) {
    mine_.missed += blocks - beginning_.missed;
    beginning_.missed = blocks;
    may_jump_.fill(true);
  }
}

void Reading::take(const Element& element, std::uint64_t position) {
  if (element.stream >= streams_max || element != Element::of(element.stream, element.life, element.number)) {
    complain(ledger_, who_ + ": a torn or foreign message at " + std::to_string(position));
    return;
  }
  check_position(position);
  check_number(element);
  mine_.position = position + 1;
  ++mine_.seen;
}

// A reader that dies between its two words has a position that is one behind.
void Reading::check_position(std::uint64_t position) {
  const auto expected = mine_.position.load();
  if (!is_first_ && beginning_.dense && !beginning_.lossy && position != expected) {
    complain(ledger_,
             who_ + ": block " + std::to_string(position) + " comes where " + std::to_string(expected) + " must come");
  }
  if (is_first_ && beginning_.dense && beginning_.resumed && !beginning_.lossy) {
    const auto wanted = position - beginning_.missed; // where the ring says that this reader was
    if (wanted > expected + 1 || wanted + batch < expected) {
      complain(ledger_, who_ + ": goes on at block " + std::to_string(position) + ", was at " +
                            std::to_string(expected) + ", is told that it missed " + std::to_string(beginning_.missed));
    }
  }
  is_first_ = false;
}

void Reading::check_number(const Element& element) {
  auto& word = mine_.next[element.stream];
  const auto next = Place::of(word.load());
  auto& may_jump = may_jump_[element.stream];
  const bool is_again =
      element.life < next.life || (element.life == next.life && element.number < next.number); // was seen before
  if (is_again) {
    if (repeats_left_ == 0) {
      complain_about(element, "comes again");
      return;
    }
    --repeats_left_;
    ++mine_.repeated;
    return;
  }
  if (!may_jump && element.life == next.life && element.number != next.number) {
    complain_about(element, "comes where number " + std::to_string(next.number) + " must come");
  }
  if (!may_jump && element.life != next.life) {
    check_end_of(element.stream, next.life, next.number);
    for (auto life = next.life + 1; life < element.life; ++life) {
      check_end_of(element.stream, life, 0);
    }
    if (element.number != 0) {
      complain_about(element, "is the first of its life, but not number 0");
    }
  }
  may_jump = beginning_.lossy;
  word = Place{element.life, element.number + 1}.word();
}

// A producer is dead or has stopped: `count` is what it published.
void Reading::check_end_of(std::uint64_t stream, std::uint64_t life, std::uint64_t count) {
  const auto& ended = channel_.streams[stream].at(life);
  if (count < ended.accepted || count > ended.attempted) {
    complain(ledger_, who_ + ": of stream " + std::to_string(stream) + ", life " + std::to_string(life) + ", " +
                          std::to_string(count) + " messages came; " + std::to_string(ended.accepted) +
                          " were accepted, " + std::to_string(ended.attempted) + " attempted");
  }
}

void Reading::complain_about(const Element& element, const std::string& text) {
  complain(ledger_, who_ + ": number " + std::to_string(element.number) + " of stream " +
                        std::to_string(element.stream) + ", life " + std::to_string(element.life) + ", " + text +
                        (beginning_.resumed ? " (it came back, and was told of " : " (it was told of ") +
                        std::to_string(beginning_.missed) + " missed blocks)");
}

} // namespace ringfleet::soak
