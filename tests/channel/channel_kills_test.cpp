// Publishers and subscribers of a channel, killed at any time and started again under the same name and id, with a
// ledger: every message that a publisher knows to be published comes once, whole and in order; one that was under way
// comes once or not at all; what a dead reader had in hand comes once more. Of what was lent while a reader was dead,
// and of a message in fragments in which it died, it is told. (T7, T11, T12, T13)

#include "channel_fixture.hpp"

#include "../scale.hpp"
#include "../seed.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

constexpr unsigned readers_total = 2;
constexpr std::uint64_t arena_bytes = 1 << 16;
constexpr std::uint64_t lendable_max = arena_bytes - sizeof(frame::ArenaLines);

// A publisher's account of itself. It numbers its messages from 1; a number is used once, published or not.
struct alignas(128) Publishing {
  std::uint64_t tried = 0;
  std::uint64_t sure = 0;       // the last number of which publish() said so
  std::uint64_t sure_plain = 0; // the last of these that was in one record
  std::uint64_t is_done = 0;
};
// A reader's, for each publisher: the last number that it is through with for sure, and the last that it has seen.
struct alignas(128) Reading {
  std::array<std::uint64_t, 2> released{};
  std::array<std::uint64_t, 2> seen{};
  std::array<std::uint64_t, 2> may_lack{}; // it was told that it missed something, in this life or an earlier one
  std::uint64_t messages = 0;
  std::uint64_t again = 0;
  std::uint64_t reassembled = 0;
  std::uint64_t loans = 0;
  char wrong[128] = {};
};
struct Ledger {
  std::array<Publishing, 2> publishers;
  std::array<Reading, readers_total> readers;
  std::uint64_t is_ending = 0;
};

// What stands at the beginning of a message; the rest follows from it.
struct Head {
  std::uint64_t publisher;
  std::uint64_t number;
  std::uint64_t sure; // what was surely published before
  std::uint64_t sure_plain;
  std::uint64_t bytes;
};

std::byte filling(const Head& head, std::uint64_t at) {
  return static_cast<std::byte>(head.number * 31 + head.publisher * 7 + at);
}
void fill(std::span<std::byte> out, const Head& head) {
  std::memcpy(out.data(), &head, sizeof head);
  for (std::uint64_t at = sizeof head; at < out.size(); ++at) {
    out[at] = filling(head, at);
  }
}
bool is_whole(std::span<const std::byte> bytes, const Head& head) {
  bool whole = bytes.size() == head.bytes;
  for (std::uint64_t at = sizeof head; whole && at < bytes.size(); ++at) {
    whole = bytes[at] == filling(head, at);
  }
  return whole;
}

MonotonicNs in_a_moment() {
  return deadline_after(monotonic_now(), std::chrono::milliseconds(20));
}

PublisherOptions publisher_options() {
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

class Reader {
public:
  Reader(Reading& account, bool is_resumed) : mine_(account), last_(account.released) {
    if (!is_resumed) {
      lack_anything();
    }
  }

  // `missed`: what the subscriber says by now. Who is told that it missed something does not know of whom.
  void take(const frame::View& view, std::uint64_t missed) {
    Head head{};
    if (view.bytes.size() < sizeof head) {
      return complain("is no message");
    }
    std::memcpy(&head, view.bytes.data(), sizeof head);
    if (head.publisher > 1 || !is_whole(view.bytes, head)) {
      return complain("is torn");
    }
    if (missed != std::exchange(missed_, missed)) {
      lack_anything();
    }
    auto& last = last_[head.publisher];
    auto& seen = mine_.seen[head.publisher];
    if (head.number <= last) {
      return complain("comes again");
    }
    // A new life begins where the old one was through, or behind what it had in hand: both are right. The old one may
    // also have been told that it missed what was lent or in fragments, and have died with that.
    const bool is_first = !std::exchange(has_begun_[head.publisher], true);
    const bool is_complete = is_first ? head.sure_plain <= std::max(last, seen) : head.sure <= last;
    if (!is_complete && mine_.may_lack[head.publisher] == 0) {
      return complain("comes although one before it has not come");
    }
    mine_.again += head.number <= seen;
    last = head.number;
    Atomics::store_release(mine_.may_lack[head.publisher], std::uint64_t{0});
    Atomics::store_release(seen, std::max(seen, head.number));
  }
  void release() {
    for (unsigned publisher = 0; publisher < last_.size(); ++publisher) {
      Atomics::store_release(mine_.released[publisher], last_[publisher]);
    }
  }

private:
  void lack_anything() {
    for (auto& may_lack : mine_.may_lack) {
      Atomics::store_release(may_lack, std::uint64_t{1});
    }
  }
  void complain(const char* what) {
    if (mine_.wrong[0] == 0) {
      std::strncpy(mine_.wrong, what, sizeof mine_.wrong - 1);
    }
  }

  Reading& mine_;
  std::array<std::uint64_t, 2> last_;
  std::array<bool, 2> has_begun_{};
  std::uint64_t missed_ = 0;
};

bool all_are_done(const Ledger& ledger, unsigned publishers) {
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
    Frames in(place, options);
    Reader reader(mine, in.is_resumed());
    for (auto messages = 1 + random() % 400; messages != 0;) {
      const auto polled = in.poll(
          [&](const frame::View& view) {
            reader.take(view, in.missed());
            if (view.id % 64 == 0) {
              ::poll(nullptr, 0, 1); // so that some die with something in hand
            }
          },
          1 + random() % 8);
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
    void* memory = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    ledger_ = new (memory) Ledger;
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
    ::munmap(ledger_, sizeof(Ledger));
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
  Ledger* ledger_;
  std::vector<pid_t> pids_;
};

template <class Publisher, class Subscriber>
void play(memory::Backing backing, unsigned publishers) {
  const ScratchChannel channel(backing);
  const auto seed = ringfleet::test::seed_or(std::random_device{}());
  const auto deaths = ringfleet::test::rounds_or(200 / ringfleet::test::scale_down);
  CAPTURE(seed);
  Play<Publisher, Subscriber> game(channel.place(), publishers, seed);
  for (std::uint64_t died = 0; died < deaths; ++died) {
    game.kill_one();
  }
  // Enough of each kind of message for everybody, whatever the kills left them.
  while (std::ranges::any_of(game.ledger().readers,
                             [](const Reading& reader) { return Atomics::load_acquire(reader.messages) < 2'000; })) {
    ::poll(nullptr, 0, 1);
  }
  game.end();
  std::uint64_t messages = 0;
  std::uint64_t again = 0;
  for (const auto& reader : game.ledger().readers) {
    messages += reader.messages;
    again += reader.again;
  }
  MESSAGE("seed ", seed, ": ", deaths, " deaths, ", messages, " messages read, ", again, " of them again");
  // Nothing is lent any more.
  Publisher heir(channel.place(), publisher_options());
  PublishResult why{};
  CHECK(heir.loan(lendable_max, in_seconds(60), &why));
}

} // namespace

TEST_CASE(
    "channel: publisher and readers killed at any time lose no record, and repeat what was in hand (shared memory)") {
  play<FramePublisher, FrameSubscriber>(memory::Backing::shm, 1);
}

TEST_CASE("channel: publisher and readers killed at any time lose no record, and repeat what was in hand (a file)") {
  play<FramePublisher, FrameSubscriber>(memory::Backing::file, 1);
}

TEST_CASE("channel: two publishers and readers killed at any time lose no record, and repeat what was in hand") {
  play<SharedFramePublisher, SharedFrameSubscriber>(memory::Backing::shm, 2);
}
