#pragma once

// A world of the explorer: producers of one shared ring, readers, and survivors who repair what the dead have left. The
// ledger knows what was committed, at which position; nothing else may be read, and nothing less.

#include "explored_atomics.hpp"
#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_reader_sequencer.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/shared_sequencer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::explore {

using E = ExploredAtomics;

struct Shape {
  unsigned producers = 2;
  unsigned claims = 1; // of each producer
  std::uint64_t length = 1;
  std::size_t capacity = 2;
  unsigned readers = 1;
  unsigned survivors = 0;
  unsigned heirs = 0;      // survivors that take the number of the dead and publish under it
  bool joins_late = false; // the readers join while the others run
  bool aborts = false;     // every second claim is aborted
  bool follows = false;    // the second reader follows the first
  bool sleeps = false;     // readers sleep on the bell, producers ring it
  std::uint64_t first_position = 0;
};

class SharedRingWorld {
public:
  explicit SharedRingWorld(const Shape& shape)
      : shape_(shape), descriptors_(shape.capacity), slots_(shape.capacity), sequencers_(shape.readers),
        read_(shape.readers), committed_at_join_(shape.readers) {
    ring::format_ring(lines(), shape.first_position);
    for (unsigned producer = 0; producer < shape.producers; ++producer) {
      (void)ring::take_owner_from<E>(lines(), producer + 1, 0, identity_of(producer));
    }
    for (unsigned reader = 0; reader < shape.readers && !shape.joins_late; ++reader) {
      join(reader);
    }
  }

  unsigned processes() const { return shape_.producers + shape_.readers + shape_.survivors + shape_.heirs; }
  bool is_mortal(unsigned process) const { return !is_reader(process); }
  void run(unsigned process) {
    if (process < shape_.producers) {
      produce(process + 1, process);
    } else if (is_reader(process)) {
      read(process - shape_.producers);
    } else if (wait_for_death()) {
      survive(process);
    }
  }

  std::string verdict(const Outcome& outcome) {
    if (auto wrong = check_stuck(outcome); !wrong.empty()) {
      return wrong;
    }
    repair_all(outcome);
    if (repair_all(outcome) != 0) {
      return "a second repair found something";
    }
    if (is_overtaken_) {
      return "a reader read what the one that follows it had read before";
    }
    for (unsigned reader = 0; reader < shape_.readers; ++reader) {
      if (!sequencers_[reader]) {
        return "a reader could not join";
      }
      drain(reader);
      if (auto wrong = check_read(reader); !wrong.empty()) {
        return wrong;
      }
    }
    return check_use();
  }

private:
  struct Message {
    std::uint64_t position;
    std::uint64_t id;
    friend bool operator==(const Message&, const Message&) = default;
  };
  static std::uint64_t identity_of(unsigned process) { return 100 + process; }

  bool is_reader(unsigned process) const {
    return process >= shape_.producers && process < shape_.producers + shape_.readers;
  }
  ring::SharedRingLines lines() { return {&shared_, &owners_, descriptors_, evicted_, &joins_, readers_}; }
  std::uint64_t& slot(std::uint64_t position) { return slots_[position & (shape_.capacity - 1)]; }

  void produce(std::uint32_t owner, unsigned process) {
    ring::SharedSequencer<E> sequencer(lines(), owner);
    for (unsigned claim = 0; claim < shape_.claims; ++claim) {
      push(sequencer, 1000 * (process + 1) + 10 * claim, shape_.aborts && claim % 2 == 1);
    }
  }
  void push(ring::SharedSequencer<E>& sequencer, std::uint64_t id, bool is_aborted) {
    std::uint64_t first = 0;
    for (;;) {
      const auto seen = changes();
      const auto deaths_seen = deaths();
      if (sequencer.try_claim(shape_.length, first) == ring::ClaimResult::claimed) {
        break;
      }
      if (shape_.sleeps) {
        sleep_until_room(sequencer, deaths_seen);
      } else {
        wait_beyond(seen);
      }
    }
    for (std::uint64_t i = 0; i < shape_.length; ++i) {
      E::store_relaxed(slot(first + i), id + i);
    }
    if (is_aborted) {
      sequencer.abort(first, shape_.length);
    } else {
      sequencer.commit(first, shape_.length);
      for (std::uint64_t i = 0; i < shape_.length; ++i) {
        committed_.push_back({first + i, id + i});
      }
    }
    if (shape_.sleeps && sequencer.is_awaited(first, first + shape_.length)) {
      E::fetch_add(shared_.bell, 1U);
    }
  }

  // As SharedProducer and Barrier do it.
  void sleep_until_room(ring::SharedSequencer<E>& sequencer, unsigned deaths_seen) {
    const auto blocker = sequencer.blocker(shape_.length);
    if (!blocker) {
      return;
    }
    const SleepWord producers{&shared_.bell, E::load_acquire(shared_.bell)};
    SleepWord reader{};
    if (blocker->line) {
      auto& bell = readers_[*blocker->line].bell;
      reader = {&bell, E::load_acquire(bell)};
      ring::announce_wait<E>(owners_.awaited_gate[sequencer.owner()], blocker->position);
    } else if (sequencer.announce_descriptor(blocker->position)) {
      E::fetch_add(shared_.bell, 1U);
    }
    if (sequencer.is_blocking(*blocker)) {
      sleep_while(producers, reader, deaths_seen);
    }
  }

  void join(unsigned reader) {
    static constexpr std::uint32_t first[] = {0};
    const bool is_follower = shape_.follows && reader == 1;
    sequencers_[reader] =
        ring::SharedReaderSequencer<E>::join(lines(), reader, {.follows = std::span(first).first(is_follower ? 1 : 0)});
  }
  void read(unsigned reader) {
    if (!sequencers_[reader]) {
      join(reader);
      committed_at_join_[reader] = committed_.size();
      if (shape_.sleeps &&
          sequencers_[reader]->is_awaited(sequencers_[reader]->first_shown(), sequencers_[reader]->gate())) {
        E::fetch_add(sequencers_[reader]->own().bell, 1U);
      }
    }
    for (;;) {
      const auto seen = changes();
      const auto deaths_seen = deaths();
      if (read_available(reader) != 0) {
        continue;
      }
      if (!shape_.sleeps) {
        wait_beyond(seen);
        continue;
      }
      // As SharedReader and Barrier do it.
      auto& sequencer = *sequencers_[reader];
      const auto position = sequencer.seen();
      const SleepWord producers{&shared_.bell, E::load_acquire(shared_.bell)};
      SleepWord followed{};
      sequencer.followed().for_each(
          [&](std::size_t line) { followed = {&readers_[line].bell, E::load_acquire(readers_[line].bell)}; });
      ring::announce_wait<E>(sequencer.own().awaited_cursor, position + 1);
      if (!sequencer.is_there(position)) {
        sleep_while(producers, followed, deaths_seen);
      }
    }
  }
  std::uint64_t read_available(unsigned reader) {
    auto& sequencer = *sequencers_[reader];
    const auto before = sequencer.gate();
    const auto count = sequencer.available();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto position = sequencer.position() + i;
      read_[reader].push_back({position, E::load_relaxed(slot(position))});
      note_order(reader, read_[reader].back());
    }
    if (count != 0) {
      (void)sequencer.release(count);
    }
    if (shape_.sleeps && before != sequencer.gate() && sequencer.is_awaited(before, sequencer.gate())) {
      E::fetch_add(sequencer.own().bell, 1U);
    }
    return count;
  }
  void drain(unsigned reader) {
    while (read_available(reader) != 0) {
    }
  }
  // Whoever follows reads nothing before the one that it follows, as soon as that one reads at all.
  void note_order(unsigned reader, const Message& message) {
    if (shape_.follows && reader == 0) {
      is_overtaken_ = is_overtaken_ || std::count(read_[1].begin(), read_[1].end(), message) != 0;
    }
  }

  void survive(unsigned process) {
    const bool is_heir = process >= shape_.producers + shape_.readers + shape_.survivors;
    for (unsigned producer = 0; producer < shape_.producers; ++producer) {
      if (!is_dead(producer)) {
        continue;
      }
      if (!is_heir) {
        if (ring::repair<E>(lines(), producer + 1, identity_of(producer)) != 0 && shape_.sleeps) {
          E::fetch_add(shared_.bell, 1U);
        }
      } else if (ring::take_owner_from<E>(lines(), producer + 1, identity_of(producer), identity_of(process))) {
        produce(producer + 1, process);
        return;
      }
    }
  }

  std::string check_stuck(const Outcome& outcome) {
    unsigned deaths = 0;
    for (unsigned process = 0; process < processes(); ++process) {
      deaths += outcome.is_dead(process);
    }
    // A second death may come after the last survivor has looked.
    if (deaths > 1 || (deaths == 1 && shape_.survivors + shape_.heirs == 0)) {
      return "";
    }
    for (unsigned process = 0; process < processes(); ++process) {
      if (outcome.is_stuck(process) && !is_reader(process)) {
        return std::to_string(process).append(": this process is stuck");
      }
    }
    for (unsigned reader = 0; reader < shape_.readers; ++reader) {
      const auto before = read_[reader].size();
      drain(reader);
      if (read_[reader].size() != before) {
        return "a reader sleeps although there is something to read";
      }
    }
    return "";
  }
  std::uint64_t repair_all(const Outcome& outcome) {
    std::uint64_t aborted = 0;
    for (unsigned process = 0; process < processes(); ++process) {
      for (std::uint32_t owner = 1; owner <= shape_.producers && outcome.is_dead(process); ++owner) {
        aborted += ring::repair<E>(lines(), owner, identity_of(process));
      }
    }
    return aborted;
  }
  std::string check_read(unsigned reader) {
    auto expected = committed_;
    std::sort(expected.begin(), expected.end(),
              [](const Message& a, const Message& b) { return ring::is_before(a.position, b.position); });
    if (shape_.joins_late) {
      for (auto i = committed_at_join_[reader]; i < committed_.size(); ++i) {
        if (std::count(read_[reader].begin(), read_[reader].end(), committed_[i]) != 1) {
          return "a newcomer missed what was committed after it had joined";
        }
      }
      const auto begin =
          read_[reader].empty() ? expected.end() : std::find(expected.begin(), expected.end(), read_[reader].front());
      expected.erase(expected.begin(), begin);
    }
    if (read_[reader] == expected) {
      return "";
    }
    std::string text = "read:";
    list(text, read_[reader]);
    text += "; committed:";
    list(text, expected);
    return text;
  }
  static void list(std::string& text, const std::vector<Message>& messages) {
    for (const auto& message : messages) {
      text.append(" ").append(std::to_string(message.id)).append("@").append(std::to_string(message.position));
    }
  }
  // The ring is whole: everything fits into it again, and comes out.
  std::string check_use() {
    const auto owner = static_cast<std::uint32_t>(shape_.producers + 1);
    (void)ring::take_owner_from<E>(lines(), owner, 0, 999);
    ring::SharedSequencer<E> sequencer(lines(), owner);
    for (std::uint64_t round = 0; round < 3; ++round) {
      for (std::uint64_t i = 0; i < shape_.capacity; ++i) {
        std::uint64_t first = 0;
        if (sequencer.try_claim(1, first) != ring::ClaimResult::claimed) {
          return std::to_string(i).append(": only so many claims find room afterwards");
        }
        sequencer.commit(first, 1);
      }
      for (auto& reader : sequencers_) {
        if (reader->available() != shape_.capacity) {
          return "afterwards something is not readable";
        }
        (void)reader->release(shape_.capacity);
      }
    }
    return "";
  }

  Shape shape_;
  ring::SharedLines shared_{};
  ring::OwnerTable owners_{};
  std::array<std::uint64_t, 2> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 2> readers_{};
  std::vector<std::uint64_t> descriptors_;
  std::vector<std::uint64_t> slots_;
  std::vector<std::optional<ring::SharedReaderSequencer<E>>> sequencers_;
  std::vector<std::vector<Message>> read_;
  std::vector<std::size_t> committed_at_join_;
  std::vector<Message> committed_;
  bool is_overtaken_ = false;
};

} // namespace ringfleet::explore
