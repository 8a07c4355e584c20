#include "ring_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Stage = Reader<Element>;
using Results = std::vector<std::uint64_t>;

// A stage reads the ring in place and leaves what it made of an element where the stages behind it find it.
template <class Work>
std::uint64_t run_stage(Stage& stage, std::uint64_t total, std::uint64_t batch, Work&& work) {
  std::uint64_t wrong = 0;
  for (std::uint64_t number = 0; number < total;) {
    if (stage.wait(1, patience()) != BarrierResult::reached) {
      return wrong + total;
    }
    const auto polled = stage.poll(
        [&](const Element& element) {
          wrong += element.number != number || !work(element);
          ++number;
        },
        batch);
    wrong += polled.result != ReadResult::ok;
  }
  stage.leave();
  return wrong;
}

Stage join(TestRing<Element>& ring, std::size_t line, const BarrierOptions& options,
           std::span<const std::uint32_t> follows = {}) {
  auto stage = Stage::join(ring.memory(), line, {.follows = follows}, options);
  REQUIRE(stage);
  return std::move(*stage);
}

void check_pipeline(const BarrierOptions& options, std::uint64_t total, std::size_t capacity) {
  TestRing<Element> ring(capacity);
  Results doubled(total);
  Results squared(total);
  const std::array<std::uint32_t, 1> after_first{0};
  const std::array<std::uint32_t, 1> after_second{1};
  Stage first = join(ring, 0, options);
  Stage second = join(ring, 1, options, after_first);
  Stage third = join(ring, 2, options, after_second);
  std::array<std::uint64_t, 3> wrong{};
  std::thread one([&] {
    wrong[0] = run_stage(first, total, 7, [&](const Element& element) {
      doubled[element.number] = element.twice;
      return true;
    });
  });
  std::thread two([&] {
    wrong[1] = run_stage(second, total, 16, [&](const Element& element) {
      squared[element.number] = doubled[element.number] * doubled[element.number];
      return true;
    });
  });
  std::thread three([&] {
    wrong[2] = run_stage(third, total, 3, [&](const Element& element) {
      return squared[element.number] == 4 * element.number * element.number;
    });
  });
  Producer<Element> producer(ring.memory(), options);
  write_all(producer, total, std::min<std::uint64_t>(5, capacity));
  one.join();
  two.join();
  three.join();
  CHECK(wrong == std::array<std::uint64_t, 3>{});
}

} // namespace

// T2
TEST_CASE("ring: a stage sees an element when the stage before it has released it (pipeline of 3)") {
  check_pipeline(parks, 40'000 / scale_down, 64);
  check_pipeline(parks, 5'000 / scale_down, 1);
  check_pipeline(spins, 3'000 / scale_down, 64);
}

// T2
TEST_CASE("ring: a stage waits for both stages before it (diamond of 3)") {
  const std::uint64_t total = 40'000 / scale_down;
  TestRing<Element> ring(32);
  Results left(total);
  Results right(total);
  const std::array<std::uint32_t, 2> after_both{0, 1};
  Stage first = join(ring, 0, parks);
  Stage second = join(ring, 1, parks);
  Stage last = join(ring, 3, parks, after_both);
  std::array<std::uint64_t, 3> wrong{};
  std::thread one([&] {
    wrong[0] = run_stage(first, total, 1, [&](const Element& element) {
      left[element.number] = 3 * element.number;
      return true;
    });
  });
  std::thread two([&] {
    wrong[1] = run_stage(second, total, 16, [&](const Element& element) {
      right[element.number] = 5 * element.number;
      return true;
    });
  });
  std::thread three([&] {
    wrong[2] = run_stage(last, total, 8, [&](const Element& element) {
      return left[element.number] + right[element.number] == 8 * element.number;
    });
  });
  Producer<Element> producer(ring.memory(), parks);
  write_all(producer, total, 3);
  one.join();
  two.join();
  three.join();
  CHECK(wrong == std::array<std::uint64_t, 3>{});
}

// T2
TEST_CASE(
    "ring: a stage passes one before it that has left, was vacated or evicted, and follows one that comes later") {
  TestRing<Element> ring(8);
  const std::array<std::uint32_t, 1> after_first{0};
  Stage second = join(ring, 1, parks, after_first);
  Producer<Element> producer(ring.memory(), parks);
  const auto push = [&] { REQUIRE(producer.try_push(Element{}) == ClaimResult::claimed); };
  push();
  CHECK(second.available() == 1); // nobody is before it
  Stage first = join(ring, 0, parks);
  push();
  CHECK(second.poll([](const Element&) {}).count == 1);
  CHECK(second.available() == 0);
  CHECK(first.poll([](const Element&) {}).count == 1);
  CHECK(second.available() == 1);
  CHECK(second.poll([](const Element&) {}).count == 1);

  push();
  CHECK(second.available() == 0);
  first.leave();
  CHECK(second.poll([](const Element&) {}).count == 1);

  first = join(ring, 0, parks);
  push();
  CHECK(second.available() == 0);
  CHECK(producer.evict(0, first.incarnation()));
  CHECK(second.poll([](const Element&) {}).count == 1);
  CHECK(first.poll([](const Element&) {}).result == ReadResult::evicted);
}

TEST_CASE("ring: a stage that is parked goes on when the stage before it leaves or is evicted") {
  const std::array<std::uint32_t, 1> after_first{0};
  for (int round = 0; round < 100 / static_cast<int>(scale_down); ++round) {
    TestRing<Element> ring(8);
    Stage first = join(ring, 0, parks);
    Stage second = join(ring, 1, parks, after_first);
    Producer<Element> producer(ring.memory(), parks);
    REQUIRE(producer.try_push(Element{}) == ClaimResult::claimed);
    std::thread other([&] {
      if (round % 2 == 0) {
        first.leave();
      } else {
        CHECK(producer.evict(0, first.incarnation()));
      }
    });
    CHECK(second.wait(1, patience()) == BarrierResult::reached);
    other.join();
  }
}

TEST_CASE("ring: a stage is detached when it has read everything, not while a stage before it is at work") {
  TestRing<Element> ring(8);
  const std::array<std::uint32_t, 1> after_first{0};
  Stage first = join(ring, 0, parks);
  Stage second = join(ring, 1, parks, after_first);
  Producer<Element> producer(ring.memory(), parks);
  REQUIRE(producer.try_push(Element{}) == ClaimResult::claimed);
  REQUIRE(producer.try_push(Element{}) == ClaimResult::claimed);
  producer.close();
  CHECK(second.poll([](const Element&) {}).result == ReadResult::empty);
  CHECK(second.wait(1, monotonic_now() + 1'000'000) == BarrierResult::timed_out);
  std::thread other([&] {
    CHECK(first.poll([](const Element&) {}, 1).count == 1);
    CHECK(first.poll([](const Element&) {}, 1).count == 1);
  });
  for (std::uint64_t read = 0; read < 2;) {
    REQUIRE(second.wait(1, patience()) == BarrierResult::reached);
    read += second.poll([](const Element&) {}).count;
  }
  other.join();
  CHECK(second.wait(1, patience()) == BarrierResult::detached);
  CHECK(second.poll([](const Element&) {}).result == ReadResult::detached);
}
