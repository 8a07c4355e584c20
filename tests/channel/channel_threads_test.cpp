// Channels between threads of one process, over one mapping of their memory: what ThreadSanitizer can follow. It is
// blind where each end has a mapping of its own, as under a name. // T2, T6, T9, T14

#include "channel_fixture.hpp"

#include "../scale.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

constexpr std::uint64_t messages = 20'000 / ringfleet::test::scale_down;

// run(place) for memory that has no name, so that readers can only share the mapping of the publisher.
template <class Run>
void on_one_mapping(Run run) {
  SUBCASE("heap") {
    run(memory::Place::heap());
  }
  SUBCASE("anonymous") {
    run(memory::Place::anonymous());
  }
}

// Length and every byte follow from the number, which comes first.
std::size_t length_of(std::uint64_t number) {
  return sizeof number + number * 37 % 3'000; // up to a quarter of a small ring in one record, beyond it in fragments
}
void fill(std::span<std::byte> bytes, std::uint64_t number) {
  std::memset(bytes.data(), static_cast<int>(number & 0xff), bytes.size());
  std::memcpy(bytes.data(), &number, sizeof number);
}
// How much of the message is wrong; `number` becomes what it says of itself.
std::uint64_t check(std::span<const std::byte> bytes, std::uint64_t& number) {
  if (bytes.size() < sizeof number) {
    return 1;
  }
  std::memcpy(&number, bytes.data(), sizeof number);
  std::uint64_t wrong = bytes.size() != length_of(number);
  for (const auto byte : bytes.subspan(sizeof number)) {
    wrong += byte != static_cast<std::byte>(number);
  }
  return wrong;
}

// Reads until the publisher is gone: without a gap, unless it is lossy. Returns how much was wrong; 0 means that it has
// seen the last message, too.
template <class In>
std::uint64_t read_to_the_end(In& in, bool is_lossy) {
  std::uint64_t wrong = 0;
  std::uint64_t next = 0;
  bool is_first = true;
  const auto take = [&](const frame::View& view) {
    std::uint64_t number = 0;
    wrong += check(view.bytes, number);
    wrong += is_first || is_lossy ? number < next : number != next;
    next = number + 1;
    is_first = false;
  };
  for (;;) {
    const auto polled = in.poll(take);
    if (polled.messages != 0) {
      continue;
    }
    const auto waited = in.wait(in_seconds(120));
    if (waited == WaitResult::detached) {
      return wrong + (next != messages);
    }
    if (waited != WaitResult::ready) {
      return wrong + 1;
    }
  }
}

template <class In, class Out>
std::thread reader_of(Out& out, std::uint64_t& wrong, bool is_lossy = false) {
  return std::thread(
      [in = In(out.space().share()), &wrong, is_lossy]() mutable { wrong = read_to_the_end(in, is_lossy); });
}

// The even ones by copy, the odd ones in place where they fit one record.
template <class Out>
std::uint64_t publish_all(Out& out) {
  std::uint64_t wrong = 0;
  std::vector<std::byte> bytes(4'096);
  for (std::uint64_t number = 0; number < messages; ++number) {
    const auto length = length_of(number);
    if (number % 2 == 1 && length <= out.frames().max_claim()) {
      auto claim = out.claim(length, in_seconds(120));
      if (!claim) {
        return wrong + 1;
      }
      fill(claim.bytes(), number);
      wrong += out.commit(claim, claim.bytes()) != PublishResult::published;
    } else {
      fill(std::span(bytes).first(length), number);
      wrong += out.publish(std::span(bytes).first(length), in_seconds(120)) != PublishResult::published;
    }
  }
  return wrong;
}

template <class Out, class In, class Lossy>
void run_readers(const memory::Place& place) {
  const ScratchChannel directory; // for the counters
  std::uint64_t wrong[4] = {1, 1, 1, 1};
  std::vector<std::thread> readers;
  {
    Out out(place, small_ring());
    readers.push_back(reader_of<In>(out, wrong[0]));
    readers.push_back(reader_of<In>(out, wrong[1]));
#if defined(__SANITIZE_THREAD__)
    wrong[2] =
        0; // the publisher's plain stores and the copies of a lossy reader race by design; the torn is thrown away
#else
    readers.push_back(reader_of<Lossy>(out, wrong[2], true));
#endif
    wrong[3] = publish_all(out);
  }
  for (auto& reader : readers) {
    reader.join();
  }
  for (const auto part : wrong) {
    CHECK(part == 0);
  }
}

} // namespace

TEST_CASE("channel between threads: every reader gets everything, whole and in order, a lossy one what it can") {
  on_one_mapping(
      [](const memory::Place& place) { run_readers<FramePublisher, FrameSubscriber, LossyFrameSubscriber>(place); });
}

TEST_CASE("channel between threads: the same where the ring is made for many publishers") {
  on_one_mapping([](const memory::Place& place) {
    run_readers<SharedFramePublisher, SharedFrameSubscriber, SharedLossyFrameSubscriber>(place);
  });
}

TEST_CASE("channel between threads: readers come and go while somebody publishes and somebody counts them") { // T8
  on_one_mapping([](const memory::Place& place) {
    const ScratchChannel directory;
    FramePublisher out(place, small_ring());
    const auto space = out.space().share();
    std::atomic<unsigned> present{2};
    const auto come_and_go = [&](std::uint64_t& wrong) {
      for (unsigned round = 0; round < 200 / ringfleet::test::scale_down; ++round) {
        FrameSubscriber in(space.share());
        std::uint64_t next = 0;
        bool is_first = true;
        for (std::uint64_t read = 0; read < 5;) {
          wrong += in.wait(in_seconds(120)) != WaitResult::ready;
          read += in.poll([&](const frame::View& view) {
                      std::uint64_t number = 0;
                      wrong += check(view.bytes, number);
                      wrong += !is_first && number != next;
                      next = number + 1;
                      is_first = false;
                    }).messages;
        }
      }
      --present;
    };
    std::uint64_t wrong[2] = {};
    std::uint64_t foreign = 0;
    std::thread one([&] { come_and_go(wrong[0]); });
    std::thread two([&] { come_and_go(wrong[1]); });
    std::thread counting([&] {
      while (present != 0) {
        for (const auto& member : out.members()) {
          foreign += member.pid != static_cast<std::uint32_t>(::getpid());
        }
        std::this_thread::yield();
      }
    });
    std::vector<std::byte> bytes(4'096);
    for (std::uint64_t number = 0; present != 0; ++number) {
      const auto message = std::span(bytes).first(length_of(number));
      fill(message, number);
      CHECK(out.publish(message, in_seconds(120)) == PublishResult::published);
    }
    one.join();
    two.join();
    counting.join();
    CHECK(wrong[0] + wrong[1] + foreign == 0);
    CHECK(out.readers() == 0);
  });
}

TEST_CASE("channel between threads: what is lent is whole for its reader, and lent again only then") {
  on_one_mapping([](const memory::Place& place) {
    const ScratchChannel directory;
    auto options = small_ring();
    options.arena_bytes = 64 << 10;
    FramePublisher out(place, options);
    constexpr std::uint64_t loans = 2'000 / ringfleet::test::scale_down;
    std::uint64_t wrong = 0;
    std::uint64_t seen = 0;
    std::thread reader([in = FrameSubscriber(out.space().share()), &wrong, &seen]() mutable {
      while (seen < loans && in.wait(in_seconds(120)) == WaitResult::ready) {
        in.poll([&](const frame::View& view) {
          for (const auto byte : view.bytes) {
            wrong += byte != static_cast<std::byte>(seen);
          }
          ++seen;
        });
      }
    });
    for (std::uint64_t number = 0; number < loans; ++number) {
      auto loan = out.loan(20 << 10, in_seconds(120));
      REQUIRE(loan);
      std::memset(loan.bytes().data(), static_cast<int>(number & 0xff), loan.bytes().size());
      REQUIRE(out.commit(loan, loan.bytes(), in_seconds(120)) == PublishResult::published);
    }
    reader.join();
    CHECK(wrong == 0);
    CHECK(seen == loans);
  });
}

TEST_CASE("channel between threads: whoever waits for room or for a message is stopped by another thread") { // T14
  on_one_mapping([](const memory::Place& place) {
    const ScratchChannel directory;
    Publisher<Tick> out(place, small_ring());
    Subscriber<Tick> in(out.frames().space().share());
    std::thread reader([&] { CHECK(in.wait() == WaitResult::stopped); });
    in.stop();
    reader.join();
    while (out.try_publish(tick(0)) == PublishResult::published) {
    }
    std::thread writer([&] { CHECK(out.publish(tick(0)) == PublishResult::stopped); });
    out.stop();
    writer.join();
  });
}
