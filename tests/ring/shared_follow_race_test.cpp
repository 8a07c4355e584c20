// T2: readers of a ring with many producers that follow other readers, while all of them run.

#include "stages.hpp"

#include <array>
#include <span>
#include <thread>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// A stage marks the position of each element; the stages behind it look for the marks of those that they follow.
class Line {
public:
  Line(const BarrierOptions& options, std::size_t capacity, std::span<const std::uint32_t> last_follows)
      : options_(options), ring_(capacity),
        stages_{ring_.reader(0, {}, options), join(1, last_follows.size() == 1 ? after_first : none_of()),
                join(2, last_follows)},
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
  Stage join(std::size_t line, std::span<const std::uint32_t> follows) {
    return ring_.reader(line, {.follows = follows}, options_);
  }

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

TEST_CASE("shared_ring: a stage that is parked goes on when the stage before it leaves, is vacated or evicted") {
  for (int round = 0; round < 90 / static_cast<int>(scale_down); ++round) {
    TwoStages stages;
    stages.push();
    std::thread other([&] {
      switch (round % 3) {
      case 0: stages.first.leave(); break;
      case 1: CHECK(stages.source.evict(0, stages.first.incarnation())); break;
      default: (void)vacate(stages.ring.memory().readers[0], false);
      }
    });
    CHECK(stages.second.wait(1, patience()) == BarrierResult::reached);
    other.join();
  }
}

TEST_CASE("shared_ring: a stage that waits reads to the end what the stage before it releases, and is detached then") {
  TwoStages stages;
  stages.push();
  stages.push();
  stages.source.close();
  CHECK(stages.second.wait(1, monotonic_now() + 1'000'000) == BarrierResult::timed_out);
  std::thread other([&] {
    CHECK(read(stages.first, 1) == 1);
    CHECK(read(stages.first, 1) == 1);
  });
  for (std::uint64_t done = 0; done < 2;) {
    REQUIRE(stages.second.wait(1, patience()) == BarrierResult::reached);
    done += read(stages.second);
  }
  other.join();
  CHECK(stages.second.wait(1, patience()) == BarrierResult::detached);
}
