// T9, trap 4: lossy readers of a ring with many producers that are always close behind them.

#include "shared_fixture.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// Every word depends on the others, and on where it was written: a copy of two halves does not pass.
struct Sealed {
  std::array<std::uint64_t, 3> words{};
  std::uint64_t check = 0;

  static Sealed of(std::uint64_t position) {
    Sealed sealed{{position, position * 0x9e37'79b9'7f4a'7c15ULL, ~position}, 0};
    sealed.check = sealed.sum();
    return sealed;
  }
  std::uint64_t sum() const { return words[0] ^ (words[1] << 1) ^ (words[2] * 3); }
};

// Claims of 1 … `longest`; of `aborts` claims one is given up. Atomic stores, so that ThreadSanitizer accepts the race
// that the check is there for.
void overwrite_all(SharedProducer<Sealed>& producer, std::uint64_t claims, std::uint64_t longest, std::uint64_t aborts,
                   std::atomic<std::uint64_t>& aborted) {
  for (std::uint64_t i = 0; i < claims; ++i) {
    const auto length = 1 + i % longest;
    std::uint64_t first = 0;
    while (producer.try_claim(length, first) != ClaimResult::claimed) {
      yield_core();
    }
    const bool is_aborted = aborts != 0 && i % aborts == 0;
    for (std::uint64_t slot = 0; slot < length; ++slot) {
      store_words(producer.slot(first + slot), is_aborted ? Sealed{} : Sealed::of(first + slot));
    }
    if (is_aborted) {
      producer.abort(first, length);
      aborted += length;
    } else {
      producer.publish(first, length);
    }
  }
}

struct Account {
  std::uint64_t read = 0;
  std::uint64_t lost = 0;
  std::uint64_t skipped = 0;
  std::uint64_t wrong = 0;
};

Account read_until_closed(SharedLossyReader<Sealed>& reader) {
  Account account;
  std::array<Sealed, 64> copies;
  for (;;) {
    const auto before = reader.position();
    const auto copied = reader.read(copies);
    if (copied.result == ReadResult::ok) {
      const auto first = reader.position() - copied.count;
      for (std::uint64_t i = 0; i < copied.count; ++i) {
        account.wrong += copies[i].check != copies[i].sum() || copies[i].words[0] != first + i;
      }
      account.read += copied.count;
    } else if (copied.result == ReadResult::lapped) {
      account.lost += copied.count;
    } else if (copied.result == ReadResult::detached) {
      account.skipped += reader.position() - before;
      return account;
    } else {
      pause_core();
    }
    account.skipped += reader.position() - before - copied.count;
  }
}

void check_torn(std::size_t capacity, std::uint64_t longest, std::uint64_t aborts, const LossyOptions& lossy) {
  CAPTURE(capacity);
  constexpr unsigned writers = 2;
  const std::uint64_t claims = 300'000 / scale_down;
  SharedTestRing<Sealed> ring(capacity);
  auto reader = ring.lossy(0, lossy, spins);
  std::atomic<std::uint64_t> aborted = 0;
  std::vector<SharedProducer<Sealed>> producers;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < writers; ++i) {
    producers.push_back(ring.producer(spins));
  }
  for (auto& producer : producers) {
    threads.emplace_back([&] { overwrite_all(producer, claims, longest, aborts, aborted); });
  }
  std::thread closing([&] {
    for (auto& thread : threads) {
      thread.join();
    }
    producers[0].close();
  });
  const auto account = read_until_closed(reader);
  closing.join();
  MESSAGE(account.read, " read, ", account.lost, " lost, ", account.skipped, " skipped of ", reader.position());
  CHECK(account.wrong == 0);
  // Who goes on at the oldest has what is left at the end; at the latest there may be nothing, if it was never in time.
  CHECK((account.read > 0 || lossy.resume == Resume::latest));
  CHECK(account.lost == reader.lost());
  CHECK(account.read + account.lost + account.skipped == reader.position());
  CHECK(account.skipped <= aborted);
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < claims; ++i) {
    total += writers * (1 + i % longest);
  }
  CHECK(reader.position() == total);
}

} // namespace

TEST_CASE("shared_lossy: nothing torn is accepted, and every position is read, lost or aborted (2p1c, threads)") {
  check_torn(1, 1, 0, {}); // small, so that the producers are always close behind the reader
  check_torn(4, 1, 5, {});
  check_torn(16, 5, 7, {});
  check_torn(64, 5, 7, {.resume = Resume::latest});
}
