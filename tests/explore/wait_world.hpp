#pragma once

// Worlds of the explorer in which the handles of a ring wait and wake: Producer and Reader, SharedProducer and
// SharedReader, parked as in production, with what ends a wait besides the other side: a close, a stop, a death. A
// helper, in whose process the others run, plays the watcher.

#include "explored_host.hpp"

#include "ringfleet/ring/producer.hpp"
#include "ringfleet/ring/reader.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::explore {

struct WaitShape {
  unsigned producers = 1;
  unsigned readers = 1;
  std::size_t capacity = 1;
  std::uint64_t messages = 2; // of each producer
  bool joins_late = false;    // readers join while the producers run
  bool closes = false;        // the first producer closes when it is done; it is the only one
  bool stops = false;         // the helper stops the first reader, at any moment
  bool leaves = false;        // a reader leaves after its first message
  bool follows = false;       // each reader follows the one before it
  bool aborts = false;        // many producers: the first claim of each is aborted
  bool is_producer_mortal = false;
  bool is_reader_mortal = false;
  bool is_watched = true; // the obituary is among what everybody sleeps on
};

// What both kinds of ring have in common: who runs, what is read, and what must hold.
template <class Producer, class Reader>
class WaitWorld {
public:
  unsigned processes() const { return shape_.producers + shape_.readers + 1; }
  bool is_mortal(unsigned process) const {
    return process < shape_.producers ? shape_.is_producer_mortal : shape_.is_reader_mortal && process < helper();
  }
  void run(unsigned process) {
    if (process < shape_.producers) {
      produce(process);
    } else if (process < helper()) {
      read(process - shape_.producers);
    } else {
      help();
    }
  }
  std::string verdict(const Outcome& outcome) {
    if (!wrong_.empty()) {
      return wrong_;
    }
    bool is_whole = true; // nobody has died, stopped or left
    for (unsigned process = 0; process < processes(); ++process) {
      if (process < shape_.producers && outcome.is_stuck(process)) {
        return "producer " + std::to_string(process) + " sleeps although there is room";
      }
      is_whole = is_whole && !outcome.is_dead(process);
    }
    if (outcome.is_stuck(helper())) {
      return "the helper is stuck";
    }
    for (unsigned reader = 0; reader < shape_.readers; ++reader) {
      const bool must_end =
          shape_.closes || (shape_.stops && reader == 0) || (shape_.producers == 1 && outcome.is_dead(0));
      if (must_end && outcome.is_stuck(shape_.producers + reader)) {
        return "reader " + std::to_string(reader) + " sleeps although its wait is over";
      }
      const bool reads_all = !outcome.is_dead(shape_.producers + reader) && !shape_.stops && !shape_.leaves;
      if (reads_all && readers_[reader] && readers_[reader]->available() != 0) {
        return "reader " + std::to_string(reader) + " sleeps although there is something to read";
      }
    }
    std::uint64_t wakes = 0;
    for (auto& producer : producers_) {
      wakes += producer->wakes();
    }
    // A waiter that is stopped costs one system call, and then none.
    return wakes > outcome.announcements ? "a producer woke more often than anybody had announced to sleep" : "";
  }

protected:
  explicit WaitWorld(const WaitShape& shape)
      : shape_(shape),
        options_{.waiting = ring::Waiting::park, .obituary = shape.is_watched ? &obituary_ : nullptr, .dead = &dead_},
        line_of_(shape.readers), slots_(shape.capacity), producers_(shape.producers), readers_(shape.readers) {}
  ~WaitWorld() = default;
  // The handles leave the ring before its memory goes.
  void end() {
    readers_.clear();
    producers_.clear();
  }

  unsigned helper() const { return shape_.producers + shape_.readers; }
  ring::JoinOptions at_oldest(unsigned reader) const {
    static constexpr std::array<std::uint32_t, 2> lines{0, 1};
    const auto before = std::span(lines).subspan(reader == 0 ? 0 : reader - 1, 1);
    return {.from = ring::JoinFrom::oldest,
            .follows = shape_.follows && reader != 0 ? before : std::span<const std::uint32_t>()};
  }
  virtual void join(unsigned reader) = 0;
  virtual void publish(Producer& producer, std::uint64_t first) = 0;
  virtual void abort(Producer& /*producer*/, std::uint64_t /*first*/) {}
  // Somebody is dead: what the process of the survivors does about it.
  virtual void mend() = 0;

  WaitShape shape_;
  memory::Obituary obituary_;
  ProcessWord<std::uint32_t> dead_;
  ring::BarrierOptions options_;
  std::vector<ring::ReaderLines> line_of_;
  ring::Sequence joins_{};
  std::array<std::uint64_t, 4> evicted_{};
  std::vector<std::uint64_t> slots_;
  std::vector<std::optional<Producer>> producers_;
  std::vector<std::optional<Reader>> readers_;
  std::string wrong_;

private:
  void produce(unsigned number) {
    auto& producer = *producers_[number];
    for (std::uint64_t message = 0; message < shape_.messages; ++message) {
      std::uint64_t first = 0;
      if (producer.claim(1, first, never) != ring::ClaimResult::claimed) {
        wrong_ = "a claim ended for no reason";
        return;
      }
      if (shape_.aborts && message == 0) {
        abort(producer, first);
        continue;
      }
      producer.slot(first) = first + 1;
      publish(producer, first);
    }
    if (shape_.closes) {
      producer.close();
    }
  }
  void read(unsigned number) {
    if (shape_.joins_late) {
      join(number);
    }
    auto& reader = readers_[number];
    for (;;) {
      const auto result = reader->wait(1, never);
      if (result == ring::BarrierResult::reached) {
        if (reader->available() == 0 || reader->slot(reader->position()) != reader->position() + 1) {
          wrong_ = "a reader woke up to nothing";
          return;
        }
        (void)reader->release(1);
        if (shape_.leaves) {
          reader->leave();
          return;
        }
        continue;
      }
      if (result == ring::BarrierResult::detached ? !shape_.closes && !shape_.is_producer_mortal
                                                  : result != ring::BarrierResult::stopped || !shape_.stops) {
        wrong_ = "a wait ended for no reason";
      }
      if (result == ring::BarrierResult::stopped) {
        reader.reset(); // it leaves: nobody waits for it any more
      }
      return;
    }
  }
  void help() {
    if (shape_.stops) {
      readers_[0]->stop();
    }
    if ((shape_.is_producer_mortal || shape_.is_reader_mortal) && wait_for_death()) {
      mend();
      obituary_.announce<E>();
    }
  }
};

class RingWaitWorld final : public WaitWorld<ring::Producer<std::uint64_t, E>, ring::Reader<std::uint64_t, E>> {
public:
  explicit RingWaitWorld(const WaitShape& shape) : WaitWorld(shape) {
    ring::format_ring(memory());
    producers_[0].emplace(memory(), options_);
    for (unsigned reader = 0; reader < shape.readers && !shape.joins_late; ++reader) {
      join(reader);
    }
  }

  ~RingWaitWorld() { end(); }
  RingWaitWorld(const RingWaitWorld&) = delete;
  RingWaitWorld& operator=(const RingWaitWorld&) = delete;

private:
  ring::RingMemory<std::uint64_t> memory() {
    return {lines_, std::span(evicted_).first(line_of_.size()), joins_, line_of_, slots_};
  }
  void join(unsigned reader) override {
    readers_[reader] = ring::Reader<std::uint64_t, E>::join(memory(), reader, at_oldest(reader), options_);
  }
  void publish(ring::Producer<std::uint64_t, E>& producer, std::uint64_t first) override {
    producer.publish(first + 1);
  }
  void mend() override {
    if (is_dead(0)) {
      dead_.publish<E>(1);
      return;
    }
    for (unsigned reader = 0; reader < shape_.readers; ++reader) {
      if (is_dead(1 + reader)) {
        (void)ring::vacate<E>(line_of_[reader]);
      }
    }
  }

  ring::ProducerLines lines_{};
};

class SharedWaitWorld final
    : public WaitWorld<ring::SharedProducer<std::uint64_t, E>, ring::SharedReader<std::uint64_t, E>> {
public:
  explicit SharedWaitWorld(const WaitShape& shape) : WaitWorld(shape), descriptors_(shape.capacity) {
    ring::format_ring(memory());
    const auto nobody_is_dead = [](std::uint64_t) { return false; };
    for (unsigned producer = 0; producer < shape.producers; ++producer) {
      producers_[producer] =
          ring::SharedProducer<std::uint64_t, E>::join(memory(), identity_of(producer), nobody_is_dead, options_);
    }
    for (unsigned reader = 0; reader < shape.readers && !shape.joins_late; ++reader) {
      join(reader);
    }
  }

  ~SharedWaitWorld() { end(); }
  SharedWaitWorld(const SharedWaitWorld&) = delete;
  SharedWaitWorld& operator=(const SharedWaitWorld&) = delete;

private:
  static std::uint64_t identity_of(unsigned producer) { return 100 + producer; }
  ring::SharedRingMemory<std::uint64_t> memory() {
    return {lines_, owners_, descriptors_, std::span(evicted_).first(line_of_.size()), joins_, line_of_, slots_};
  }
  void join(unsigned reader) override {
    readers_[reader] = ring::SharedReader<std::uint64_t, E>::join(memory(), reader, at_oldest(reader), options_);
  }
  void publish(ring::SharedProducer<std::uint64_t, E>& producer, std::uint64_t first) override {
    producer.publish(first, 1);
  }
  void abort(ring::SharedProducer<std::uint64_t, E>& producer, std::uint64_t first) override {
    producer.abort(first, 1);
  }
  void mend() override {
    for (unsigned reader = 0; reader < shape_.readers; ++reader) {
      if (is_dead(shape_.producers + reader)) {
        (void)ring::vacate<E>(line_of_[reader]);
      }
    }
    (void)ring::repair_dead<E>(memory().lines(), [](std::uint64_t identity) {
      return identity >= identity_of(0) && is_dead(static_cast<unsigned>(identity - identity_of(0)));
    });
    ring::ring_shared_bell<E>(lines_, true);
  }

  ring::SharedLines lines_{};
  ring::OwnerTable owners_{};
  std::vector<std::uint64_t> descriptors_;
};

} // namespace ringfleet::explore
