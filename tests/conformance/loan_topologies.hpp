#pragma once

// Topologies of rings with many producers, for messages that are lent: each producer from an arena of its own, which it
// takes, gives back half-way, and takes again, from whoever had it before. Every reader sees every message once, in the
// same order, in the memory where it was written, and so for as long as it holds the view.

#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "topologies.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace ringfleet::ring::conformance {

// Messages of each producer.
inline constexpr std::uint64_t loans_total = 2'000 / ringfleet::test::scale_down;
inline constexpr std::uint32_t views_max = 3;

struct Message {
  std::uint64_t producer;
  std::uint64_t number;

  // Each word of it, so that a look anywhere tells whose memory it is.
  [[nodiscard]] std::uint64_t word() const { return producer << 32 | number; }
  static Message of(std::uint64_t word) { return {word >> 32, word & 0xffff'ffff}; }
  [[nodiscard]] std::uint64_t bytes() const { return 8 * (1 + (number * 7 + producer) % 90); }
};

inline RingSpec ring_of_loans(std::size_t producers) {
  RingSpec spec;
  spec.unit_bytes = sizeof(frame::FrameBlock);
  spec.producers = Producers::many;
  spec.arena_bytes = 4'096; // some few messages
  spec.arenas = static_cast<std::uint32_t>(producers);
  return spec;
}

// Messages [begin, end) of a producer, in one life as a lender.
inline std::uint64_t lend(const World& world, const RingSpace& space, std::uint64_t id, std::uint64_t begin,
                          std::uint64_t end) {
  using Producer = SharedProducer<frame::FrameBlock>;
  const auto identity = owner_identity(os::own_identity());
  auto producer =
      Producer::join(space.shared_memory<frame::FrameBlock>(), identity, is_surely_dead_producer, world.options());
  const auto number = take_arena(space.lenders(), identity, is_surely_dead_producer);
  if (!producer || !number) {
    return 1;
  }
  frame::LoanArena<> arena(space.arena(*number), {.number = *number});
  frame::FrameWriter<Producer> writer(*producer, {.arena = &arena, .sole_user = world.has_own_view(SpaceRole::owner)});
  std::uint64_t wrong = 0;
  for (auto message = Message{id, begin}; message.number != end;) {
    auto loan = writer.loan(message.bytes());
    if (!loan) {
      wrong += loan.result() != frame::WriteResult::full;
      yield_core(); // until readers have passed what was lent before
      continue;
    }
    std::ranges::fill(std::span(reinterpret_cast<std::uint64_t*>(loan.bytes().data()), loan.bytes().size() / 8),
                      message.word());
    wrong += loan.commit_until(loan.bytes(), never) != frame::WriteResult::written;
    ++message.number;
  }
  release_arena(space.lenders(), *number);
  return wrong;
}

// One reader: it holds some views, and looks at each once more before it gives it back.
class LoanReading {
public:
  LoanReading(World& world, std::size_t actor, std::uint64_t producers, std::span<const std::uint32_t> followed)
      : world_(world), actor_(actor), followed_(followed), expected_(producers, 0) {}

  // How much was wrong.
  std::uint64_t run(SharedReader<frame::FrameBlock>& blocks, const RingSpace& space) {
    frame::LoanViews arenas;
    for (std::uint32_t number = 1; number <= space.facts().arenas; ++number) {
      wrong_ += !arenas.open(number, space.arena(number));
    }
    frame::FrameReader<SharedReader<frame::FrameBlock>> reader(
        blocks, {.held_views = views_max, .arenas = &arenas, .sole_user = world_.has_own_view(SpaceRole::reader)});
    world_.arrive();
    while (count_ < expected_.size() * loans_total) {
      frame::View view;
      switch (reader.take(view)) {
      case frame::ReadResult::message: note(view); break;
      case frame::ReadResult::held: give_back(reader); break;
      case frame::ReadResult::empty:
        while (!held_.empty()) {
          give_back(reader);
        }
        wrong_ += reader.wait(never) != BarrierResult::reached;
        break;
      default: return wrong_ + 1;
      }
    }
    while (!held_.empty()) {
      give_back(reader);
    }
    Atomics::store_release(world_.board().order[actor_], order_);
    return wrong_ + (reader.counts().loans != count_) + reader.counts().loans_void;
  }

private:
  static bool is_whole(std::span<const std::byte> bytes, const Message& message) {
    const std::span words(reinterpret_cast<const std::uint64_t*>(bytes.data()), bytes.size() / 8);
    return bytes.size() == message.bytes() &&
           std::ranges::all_of(words, [&](const std::uint64_t& word) { return word == message.word(); });
  }
  void note(const frame::View& view) {
    const auto message = Message::of(*reinterpret_cast<const std::uint64_t*>(view.bytes.data()));
    for (const auto stage : followed_) {
      wrong_ += Atomics::load_acquire(world_.board().stage[stage]) <= count_;
    }
    auto& expected = expected_[message.producer % expected_.size()];
    wrong_ += message.producer >= expected_.size() || message.number != expected || !is_whole(view.bytes, message);
    expected = message.number + 1;
    order_ = order_ * 31 + message.producer;
    ++count_;
    held_.push_back({view, message});
  }
  template <class Reader>
  void give_back(Reader& reader) {
    wrong_ += !is_whole(held_.front().view.bytes, held_.front().message);
    held_.pop_front();
    Atomics::store_release(world_.board().stage[actor_], count_ - held_.size());
    wrong_ += reader.release_held() != frame::ReadResult::message;
  }

  struct Held {
    frame::View view;
    Message message;
  };
  World& world_;
  std::size_t actor_;
  std::span<const std::uint32_t> followed_;
  std::vector<std::uint64_t> expected_;
  std::deque<Held> held_;
  std::uint64_t count_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t wrong_ = 0;
};

// Returns how much was wrong.
inline std::uint64_t run_loans(World& world, std::size_t producers, const Follows& follows) {
  const auto ring = world.make_ring(ring_of_loans(producers));
  const auto read = [&world, ring, producers](std::size_t actor, std::size_t line, auto before) -> std::uint64_t {
    const auto space = world.reading(ring);
    auto blocks = SharedReader<frame::FrameBlock>::join(space.shared_memory<frame::FrameBlock>(), line,
                                                        {.follows = before}, world.options());
    return blocks ? LoanReading(world, actor, producers, before).run(*blocks, space) : 1;
  };
  start_readers(world, follows, read);
  for (std::size_t id = 0; id < producers; ++id) {
    world.start([&world, ring, id](std::size_t) {
      const auto space = world.producing(ring);
      return lend(world, space, id, 0, loans_total / 2) + lend(world, space, id, loans_total / 2, loans_total);
    });
  }
  const auto wrong = world.finish();
  return wrong + count_other_orders(world, follows);
}

} // namespace ringfleet::ring::conformance
