#pragma once

// Publishers and readers of a channel as processes that live until they are killed, and who sees to it that there is
// always one for each role.

#include "../mortals.hpp"
#include "channel_fixture.hpp"
#include "kill_ledger.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <poll.h>
#include <signal.h>

namespace ringfleet::channel::test {

inline constexpr std::uint64_t arena_bytes = 1 << 16;
inline constexpr std::uint64_t lendable_max = arena_bytes - sizeof(frame::ArenaLines);

inline MonotonicNs in_a_moment() {
  return deadline_after(monotonic_now(), std::chrono::milliseconds(20));
}

inline PublisherOptions publisher_options() {
  auto options = small_ring(); // a message of more than 1,000 bytes goes in fragments
  options.arena_bytes = arena_bytes;
  options.grace = std::chrono::hours(1);
  options.counters = false; // 10^5 of their files
  return options;
}

template <class Frames>
int publish_until_killed(const memory::Place& place, Ledger& ledger, std::uint64_t self, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Frames out(place, publisher_options());
  auto& mine = ledger.publishers[self];
  std::vector<std::byte> buffer;
  while (Atomics::load_acquire(ledger.is_ending) == 0) {
    const bool lends = random() % 4 == 0;
    const std::uint64_t bytes = sizeof(Head) + (random() % 8 == 0 ? random() % 3'000 : random() % 200);
    const Head head{self, mine.tried + 1, mine.sure, mine.sure_plain, bytes};
    Atomics::store_release(mine.tried, head.number);
    auto result = PublishResult::full;
    if (lends) {
      if (auto loan = out.loan(bytes, in_a_moment(), &result)) {
        fill(loan.bytes().first(bytes), head);
        result = out.commit(loan, loan.bytes().first(bytes), in_a_moment());
      }
    } else {
      buffer.resize(bytes);
      fill(buffer, head);
      result = out.publish(buffer, in_a_moment());
    }
    if (result == PublishResult::published) {
      if (!lends && bytes <= out.frames().max_claim()) {
        Atomics::store_release(mine.sure_plain, head.number);
      }
      Atomics::store_release(mine.sure, head.number);
    } else if (result != PublishResult::full) {
      return 10 + static_cast<int>(result);
    }
  }
  Atomics::store_release(mine.is_done, std::uint64_t{1});
  while (Atomics::load_acquire(ledger.is_ending) != 2) { // readers are to find somebody who publishes
    ::poll(nullptr, 0, 1);
  }
  return 0;
}

inline bool all_are_done(const Ledger& ledger, unsigned publishers) {
  return std::all_of(ledger.publishers.begin(), ledger.publishers.begin() + publishers,
                     [](const Publishing& of) { return Atomics::load_acquire(of.is_done) != 0; });
}

template <class Frames>
int read_until_killed(const memory::Place& place, Ledger& ledger, unsigned self, unsigned publishers,
                      std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto& mine = ledger.readers[self];
  SubscriberOptions options;
  options.id = "reader" + std::to_string(self);
  options.from = From::oldest;
  options.keep_place = std::chrono::hours(1);
  options.wait_for_publisher = std::chrono::minutes(2);
  options.counters = false;
  for (;;) {
    // Whoever died before it had noted that it was new here left its heir an id that is known, and no account.
    const bool is_known = Atomics::load_acquire(mine.is_joining) == 0;
    Atomics::store_release(mine.is_joining, std::uint64_t{1});
    Frames in(place, options);
    ReaderLedger reader(mine, is_known && in.is_resumed());
    Atomics::store_release(mine.is_joining, std::uint64_t{0});
    for (auto messages = 1 + random() % 400; messages != 0;) {
      const auto polled = in.poll(
          [&](const frame::View& view) {
            reader.take(view, in.missed());
            if (view.id % 64 == 0) {
              ::poll(nullptr, 0, 1); // so that some die with something in hand
            }
          },
          1 + random() % 8);
      reader.hear(in.missed()); // also of what lay behind the last message, or alone
      reader.release();
      mine.messages += polled.messages;
      messages -= std::min<std::uint64_t>(messages, polled.messages);
      if (polled.messages != 0) {
        continue;
      }
      const bool is_last_look = all_are_done(ledger, publishers);
      if (const auto waited = in.wait(in_a_moment()); waited == WaitResult::detached) {
        (void)in.wait_for_publisher(in_a_moment());
      } else if (waited == WaitResult::timed_out && is_last_look) { // all that will ever come has come
        mine.reassembled += in.frames().counts().reassembled;
        mine.loans += in.frames().counts().loans;
        return 0;
      } else if (waited != WaitResult::ready && waited != WaitResult::timed_out) {
        return 30 + static_cast<int>(waited);
      }
    }
    mine.reassembled += in.frames().counts().reassembled;
    mine.loans += in.frames().counts().loans;
  } // leaves in good order, and comes again
}

// Sees to it that everybody lives, and kills.
template <class Publisher, class Subscriber>
class Play {
public:
  Play(const memory::Place& place, unsigned publishers, std::uint64_t seed)
      : place_(place), publishers_(publishers), random_(seed) {
    for (unsigned role = 0; role < publishers_ + readers_total; ++role) {
      pids_.push_back(start(role));
    }
  }
  ~Play() {
    for (const pid_t pid : pids_) {
      if (pid > 0) {
        ::kill(pid, SIGKILL);
        (void)wait_for_child(pid);
      }
    }
  }
  Play(const Play&) = delete;
  Play& operator=(const Play&) = delete;

  // Lets one of them get on by some messages, or for a moment if it cannot, and kills it.
  void kill_one() {
    const auto role = static_cast<unsigned>(random_() % pids_.size());
    const auto goal = progress_of(role) + random_() % 40;
    const auto patience = deadline_after(monotonic_now(), std::chrono::milliseconds(5));
    while (progress_of(role) < goal && monotonic_now() < patience) {
      ::poll(nullptr, 0, 0);
    }
    REQUIRE(::kill(pids_[role], SIGKILL) == 0);
    const auto ended = wait_for_child(pids_[role]);
    REQUIRE_MESSAGE(ended.signalled, "role ", role, " ", ended.to_string());
    pids_[role] = start(role);
    for (const auto& reader : ledger().readers) {
      REQUIRE_MESSAGE(reader.wrong[0] == 0, "a message ", reader.wrong);
    }
  }

  // Publishers stop, readers come to the end; only then do publishers leave.
  void end() {
    Atomics::store_release(ledger().is_ending, std::uint64_t{1});
    finish(publishers_, publishers_ + readers_total);
    Atomics::store_release(ledger().is_ending, std::uint64_t{2});
    finish(0, publishers_);
    for (const auto& reader : ledger().readers) {
      CHECK_MESSAGE(reader.wrong[0] == 0, "a message ", reader.wrong);
      CHECK(reader.reassembled > 0);
      CHECK(reader.loans > 0);
      for (unsigned publisher = 0; publisher < publishers_; ++publisher) {
        // The end of one of two may be overwritten by the other one while a reader is away: it is told.
        CHECK((reader.released[publisher] >= ledger().publishers[publisher].sure_plain ||
               reader.may_lack[publisher] != 0));
        CHECK(reader.released[publisher] <= ledger().publishers[publisher].tried);
      }
    }
  }
  [[nodiscard]] Ledger& ledger() { return *ledger_; }

private:
  pid_t start(unsigned role) {
    const auto seed = random_();
    return fork_child([&] {
      return role < publishers_
                 ? publish_until_killed<Publisher>(place_, ledger(), role, seed)
                 : read_until_killed<Subscriber>(place_, ledger(), role - publishers_, publishers_, seed);
    });
  }
  [[nodiscard]] std::uint64_t progress_of(unsigned role) {
    return role < publishers_ ? Atomics::load_acquire(ledger().publishers[role].tried)
                              : Atomics::load_acquire(ledger().readers[role - publishers_].messages);
  }
  void finish(unsigned begin, unsigned end) {
    for (auto role = begin; role < end; ++role) {
      const auto ended = wait_for_child(std::exchange(pids_[role], 0));
      CHECK_MESSAGE((!ended.signalled && ended.code == 0), "role ", role, " ", ended.to_string());
    }
  }

  memory::Place place_;
  unsigned publishers_;
  std::mt19937_64 random_;
  ringfleet::test::ForkShared<Ledger> ledger_;
  std::vector<pid_t> pids_;
};

} // namespace ringfleet::channel::test
