#include "reading.hpp"

#include <algorithm>
#include <utility>

namespace ringfleet::soak {

std::uint64_t accepted_between(Stream& stream, const Place& begin, const Place& end) {
  std::uint64_t sum = 0;
  for (auto life = begin.life; life <= end.life; ++life) {
    const auto first = life == begin.life ? begin.number : 0;
    const auto behind = life == end.life ? end.number : stream.at(life).accepted.load();
    sum += behind > first ? behind - first : 0;
  }
  return sum;
}

Reading::Reading(Ledger& ledger, Channel& channel, Readings& mine, std::string who, const Beginning& beginning)
    : ledger_(ledger), channel_(channel), mine_(mine), who_(std::move(who)), beginning_(beginning),
      repeats_left_(beginning.resumed ? batch : 0) {
  // Whoever died between being told and noting it has taken that along.
  is_new_.fill(beginning.anywhere || mine_.joining == 2);
  beginning_.resumed &= mine_.joining != 2;
  note_missed(beginning.missed);
  mine_.joining = 0;
}

void Reading::note_missed(std::uint64_t blocks) {
  if (blocks != 0) {
    mine_.missed += blocks;
    mine_.gap += blocks;
    mine_.untold += blocks;
    for (auto& may_jump : mine_.may_jump) {
      may_jump = 1;
    }
  }
}

void Reading::missed(std::uint64_t blocks) {
  if (blocks > beginning_.missed) {
    note_missed(blocks - beginning_.missed);
    beginning_.missed = blocks;
  }
}

void Reading::take(const Element& element, std::uint64_t position) {
  if (element.stream >= streams_max || element != Element::of(element.stream, element.life, element.number)) {
    complain(ledger_, who_ + ": a torn or foreign message at " + std::to_string(position));
    return;
  }
  check_position(position);
  check_number(element);
  mine_.gap = 0;
  mine_.position = position + 1;
  ++mine_.seen;
}

// A reader that dies between its two words has a position that is one behind. What one was told that died before it had
// released anything its heir is told again, so of the first message no more is known than that enough was told.
void Reading::check_position(std::uint64_t position) {
  const auto was_at = mine_.position.load();
  const auto gap = mine_.gap.load();
  const bool is_right = is_first_ ? !beginning_.resumed || (position <= was_at + gap + 1 && position + batch >= was_at)
                                  : position == was_at + gap;
  if (beginning_.dense && !is_right) {
    complain(ledger_, who_ + ": goes on at block " + std::to_string(position) + ", was at " + std::to_string(was_at) +
                          ", is told that it missed " + std::to_string(gap));
  }
  is_first_ = false;
}

void Reading::check_number(const Element& element) {
  auto& word = mine_.next[element.stream];
  const auto next = Place::of(word.load());
  auto& is_new = is_new_[element.stream];
  auto& may_jump = mine_.may_jump[element.stream];
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
  if (may_jump != 0 && !is_new) {
    check_gap(element, next);
  } else if (!is_new && element.life == next.life && element.number != next.number) {
    complain_about(element, "comes where number " + std::to_string(next.number) + " must come");
  } else if (!is_new && element.life != next.life) {
    check_end_of(element.stream, next.life, next.number);
    for (auto life = next.life + 1; life < element.life; ++life) {
      check_end_of(element.stream, life, 0);
    }
    if (element.number != 0) {
      complain_about(element, "is the first of its life, but not number 0");
    }
  }
  is_new = false;
  word = Place{element.life, element.number + 1}.word();
  may_jump = 0;
}

// Each message that did not come was in a block at least. What its producer had in hand when it died may never have
// been there.
void Reading::check_gap(const Element& element, const Place& next) {
  const auto lost = accepted_between(channel_.streams[element.stream], next, {element.life, element.number});
  const auto untold = mine_.untold.load();
  if (lost > untold) {
    complain_about(element, "comes where number " + std::to_string(next.number) + " of life " +
                                std::to_string(next.life) + " must come: " + std::to_string(lost) +
                                " are missing, of " + std::to_string(untold) + " blocks it was told");
  }
  mine_.untold = untold - std::min(lost, untold);
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
