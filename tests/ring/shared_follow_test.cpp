// T2: readers of a ring with many producers that follow other readers.

#include "shared_fixture.hpp"

#include <array>
#include <span>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Stage = SharedReader<Element>;
using Source = SharedProducer<Element>;

constexpr std::array<std::uint32_t, 1> after_first{0};
constexpr std::array<std::uint32_t, 1> after_second{1};
constexpr std::array<std::uint32_t, 2> after_both{0, 1};

Stage join(SharedTestRing<Element>& ring, std::size_t line, std::span<const std::uint32_t> follows = {},
           const BarrierOptions& options = parks) {
  return ring.reader(line, {.follows = follows}, options);
}

void push(Source& source, std::uint64_t count = 1, bool is_aborted = false) {
  std::uint64_t first = 0;
  REQUIRE(source.try_claim(count, first) == ClaimResult::claimed);
  if (is_aborted) {
    source.abort(first, count);
  } else {
    source.publish(first, count);
  }
}
std::uint64_t read(Stage& stage, std::uint64_t max = ~std::uint64_t{0}) {
  return stage.poll([](const Element&) {}, max).count;
}

// A stage marks the position of each element; the stages behind it look for the marks of those that they follow.
class Line {
public:
  Line(const BarrierOptions& options, std::size_t capacity, std::span<const std::uint32_t> last_follows)
      : options_(options), ring_(capacity),
        stages_{join(ring_, 0, {}, options),
                join(ring_, 1, last_follows.size() == 1 ? after_first : none_of(), options),
                join(ring_, 2, last_follows, options)},
        is_pipeline_(last_follows.size() == 1) {}

  // Two producers, claims of 1 to 3, every fifth one aborted. How much was wrong.
  std::uint64_t run(std::uint64_t total) {
    std::vector<std::thread> threads;
    std::array<std::uint64_t, 3> wrong{};
    for (std::size_t stage = 0; stage < 3; ++stage) {
      threads.emplace_back([&, stage] { wrong[stage] = work(stage, 2 * total); });
    }
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, source = ring_.producer(options_)]() mutable { produce(source, total); });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    return wrong[0] + wrong[1] + wrong[2];
  }

private:
  static std::span<const std::uint32_t> none_of() { return {}; }

  void produce(Source& source, std::uint64_t total) {
    const auto largest = std::min<std::uint64_t>(3, source.capacity());
    for (std::uint64_t number = 0, claims = 0; number < total; ++claims) {
      const auto count = std::min(1 + claims % largest, total - number);
      std::uint64_t first = 0;
      if (source.claim(count, first, patience()) != ClaimResult::claimed) {
        return;
      }
      if (claims % 5 == 4) {
        source.abort(first, count);
        continue;
      }
      for (std::uint64_t i = 0; i < count; ++i) {
        source.slot(first + i) = {first + i, 0};
      }
      source.publish(first, count);
      number += count;
    }
  }
  std::uint64_t work(std::size_t number, std::uint64_t total) {
    auto& stage = stages_[number];
    std::uint64_t wrong = 0;
    for (std::uint64_t done = 0; done < total;) {
      if (stage.wait(1, patience()) != BarrierResult::reached) {
        return wrong + total;
      }
      const auto available = stage.available();
      for (std::uint64_t i = 0; i < available; ++i) {
        const auto position = stage.position() + i;
        wrong += stage.slot(position).number != position;
        // What was done before this one; relaxed would be enough, the gate orders it.
        if (number == 1 && is_pipeline_) {
          wrong += mark(0, position) != position + 1;
        } else if (number == 2) {
          wrong += mark(1, position) != position + 1 || (!is_pipeline_ && mark(0, position) != position + 1);
        }
        mark(number, position) = position + 1;
      }
      done += available;
      wrong += stage.release(available) != ReadResult::ok;
    }
    stage.leave();
    return wrong;
  }
  // Plain words, so that ThreadSanitizer sees whether the gates order them.
  std::uint64_t& mark(std::size_t stage, std::uint64_t position) {
    return marks_[stage][position & (stages_[0].capacity() - 1)];
  }

  BarrierOptions options_;
  SharedTestRing<Element> ring_;
  std::array<Stage, 3> stages_;
  std::array<std::array<std::uint64_t, 64>, 3> marks_{};
  bool is_pipeline_;
};

} // namespace

TEST_CASE("shared_ring: a stage sees an element when the stage before it has released it (2p, pipeline of 3)") {
  CHECK(Line(parks, 64, after_second).run(20'000 / scale_down) == 0);
  CHECK(Line(parks, 4, after_second).run(3'000 / scale_down) == 0);
  CHECK(Line(spins, 64, after_second).run(2'000 / scale_down) == 0);
}

TEST_CASE("shared_ring: a stage waits for both stages before it (2p, diamond of 3)") {
  CHECK(Line(parks, 32, after_both).run(20'000 / scale_down) == 0);
  CHECK(Line(parks, 4, after_both).run(3'000 / scale_down) == 0);
}

TEST_CASE("shared_ring: a stage sees claims that the stage before it has released as a whole") {
  SharedTestRing<Element> ring(8);
  auto first = join(ring, 0);
  auto second = join(ring, 1, after_first);
  auto source = ring.producer();
  push(source, 3);
  push(source, 2);
  CHECK(second.available() == 0);
  CHECK(read(first, 2) == 2);
  CHECK(second.available() == 0); // its claim is not released
  CHECK(read(first, 2) == 2);
  CHECK(second.available() == 3); // one of the next claim is left
  CHECK(read(first) == 1);
  CHECK(second.available() == 3); // until that is used up
  CHECK(read(second) == 3);
  CHECK(read(second) == 2);
  CHECK(second.wait(1, monotonic_now()) == BarrierResult::timed_out);
}

TEST_CASE("shared_ring: a stage skips what was aborted, whether or not the stage before it has come there") {
  SharedTestRing<Element> ring(8);
  auto first = join(ring, 0);
  auto second = join(ring, 1, after_first);
  auto source = ring.producer();
  push(source, 2, true);
  push(source);
  CHECK(second.available() == 0);
  CHECK(second.position() == 2);
  CHECK(read(first) == 1);
  CHECK(read(second) == 1);
  push(source, 1, true);
  source.close();
  CHECK(second.poll([](const Element&) {}).result == ReadResult::detached); // the first has not skipped it
  CHECK(first.poll([](const Element&) {}).result == ReadResult::detached);
}

TEST_CASE("shared_ring: a stage stops at an unfinished claim, like those before it") {
  SharedTestRing<Element> ring(8);
  auto first = join(ring, 0);
  auto second = join(ring, 1, after_first);
  auto one = ring.producer();
  auto other = ring.producer();
  std::uint64_t open = 0;
  REQUIRE(one.try_claim(2, open) == ClaimResult::claimed);
  push(other);
  CHECK(read(first) == 0);
  CHECK(second.available() == 0);
  first.leave();
  CHECK(second.available() == 0);
  one.abort(open, 2);
  CHECK(read(second) == 1);
}

TEST_CASE("shared_ring: the ring is full until the last stage has released") {
  SharedTestRing<Element> ring(4);
  auto first = join(ring, 0);
  auto second = join(ring, 1, after_first);
  auto source = ring.producer();
  push(source, 4);
  CHECK(read(first) == 4);
  std::uint64_t position = 0;
  CHECK(source.try_claim(1, position) == ClaimResult::full);
  CHECK(read(second) == 4);
  CHECK(source.try_claim(1, position) == ClaimResult::claimed);
}

TEST_CASE("shared_ring: a stage passes one before it that has left, was vacated or evicted, and follows one that comes "
          "later") {
  SharedTestRing<Element> ring(8);
  auto second = join(ring, 1, after_first);
  auto source = ring.producer();
  push(source);
  CHECK(second.available() == 1); // nobody is before it
  auto first = join(ring, 0);
  push(source);
  CHECK(read(second) == 1);
  CHECK(second.available() == 0);
  CHECK(read(first) == 1);
  CHECK(read(second) == 1);

  push(source);
  CHECK(second.available() == 0);
  first.leave();
  CHECK(read(second) == 1);

  first = join(ring, 0);
  push(source);
  CHECK(second.available() == 0);
  CHECK(source.evict(0, first.incarnation()));
  CHECK(read(second) == 1);
  CHECK(first.poll([](const Element&) {}).result == ReadResult::evicted);
}

TEST_CASE("shared_ring: a stage that is parked goes on when the stage before it leaves, is vacated or evicted") {
  for (int round = 0; round < 90 / static_cast<int>(scale_down); ++round) {
    SharedTestRing<Element> ring(8);
    auto first = join(ring, 0);
    auto second = join(ring, 1, after_first);
    auto source = ring.producer();
    push(source);
    std::thread other([&] {
      switch (round % 3) {
      case 0: first.leave(); break;
      case 1: CHECK(source.evict(0, first.incarnation())); break;
      default: (void)vacate(ring.memory().readers[0], false);
      }
    });
    CHECK(second.wait(1, patience()) == BarrierResult::reached);
    other.join();
  }
}

TEST_CASE("shared_ring: a stage is detached when it has read everything, not while a stage before it is at work") {
  SharedTestRing<Element> ring(8);
  auto first = join(ring, 0);
  auto second = join(ring, 1, after_first);
  auto source = ring.producer();
  push(source);
  push(source);
  source.close();
  CHECK(second.poll([](const Element&) {}).result == ReadResult::empty);
  CHECK(second.wait(1, monotonic_now() + 1'000'000) == BarrierResult::timed_out);
  std::thread other([&] {
    CHECK(read(first, 1) == 1);
    CHECK(read(first, 1) == 1);
  });
  for (std::uint64_t done = 0; done < 2;) {
    REQUIRE(second.wait(1, patience()) == BarrierResult::reached);
    done += read(second);
  }
  other.join();
  CHECK(second.wait(1, patience()) == BarrierResult::detached);
  CHECK(second.poll([](const Element&) {}).result == ReadResult::detached);
}

TEST_CASE("shared_ring: a gate that lies within a claim, or far behind, shows a stage no part of a claim") {
  SharedTestRing<Element> ring(8);
  auto first = join(ring, 0);
  auto second = join(ring, 1, after_first);
  auto source = ring.producer();
  push(source, 3);
  push(source, 3);
  auto& gate = ring.memory().readers[0].gate;
  for (const std::uint64_t within : {std::uint64_t{1}, std::uint64_t{2}, ~std::uint64_t{9}}) {
    gate.publish(within);
    CHECK(second.available() == 0);
  }
  gate.publish(5);
  CHECK(second.available() == 3);
}
