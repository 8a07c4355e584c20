#include "forked_child.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::os;
using namespace std::chrono_literals;

namespace {

MonotonicNs soon() {
  return deadline_after(monotonic_now(), 1ms);
}
MonotonicNs patiently() {
  return deadline_after(monotonic_now(), 20s);
}

std::vector<FutexWord> words_of(const std::vector<std::uint32_t>& values) {
  std::vector<FutexWord> words;
  for (const auto& value : values) {
    words.push_back({&value, value, true});
  }
  return words;
}

} // namespace

TEST_CASE("futex: a word that differs already does not sleep, and a deadline ends the sleep") {
  const std::uint32_t word = 1;
  CHECK(futex_wait(word, 0, never) == WaitResult::changed);
  CHECK(futex_wait(word, 1, soon()) == WaitResult::timed_out);
  CHECK(futex_wait(word, 1, 0) == WaitResult::timed_out);
  const FutexWord words[] = {{&word, 0, true}};
  CHECK(futex_wait_any(words, never) == WaitResult::changed);
}

TEST_CASE("futex: 128 words can be waited for, 129 are refused by number") {
  const std::vector<std::uint32_t> values(limits::futex_words_max + 1, 5); // trap 13
  auto words = words_of(values);
  std::string text;
  CHECK(test::error_of([&] { (void)futex_wait_any(words, soon()); }, &text) == ErrorCode::limit_reached);
  CHECK(text.find("129") != std::string::npos);
  words.pop_back();
  CHECK(futex_wait_any(words, soon()) == WaitResult::timed_out);
}

TEST_CASE("futex: the last of 128 words wakes the sleeper") {
  std::vector<std::uint32_t> values(limits::futex_words_max, 5);
  const auto words = words_of(values);
  std::atomic<bool> done = false;
  std::thread sleeper([&] {
    while (std::atomic_ref(values.back()).load() == 5) {
      (void)futex_wait_any(words, patiently());
    }
    done = true;
  });
  std::atomic_ref(values.back()).store(6);
  futex_wake(values.back(), wake_all);
  sleeper.join();
  CHECK(done);
}

TEST_CASE("futex: a word in a read-only mapping is waited for and woken from the writer's process") {
  const auto file = create_memory_file("test", 4'096);
  const Mapping reader(file.get(), 4'096, Access::read_only, "test");
  const auto& word = *reinterpret_cast<const std::uint32_t*>(reader.bytes().data());
  const pid_t child = test::fork_child([&] {
    Mapping writer(file.get(), 4'096, Access::read_write, "test");
    auto& shared = *reinterpret_cast<std::uint32_t*>(writer.writable_bytes().data());
    std::atomic_ref(shared).store(1);
    futex_wake(shared, 1);
    return 0;
  });
  auto result = WaitResult::woken;
  while (std::atomic_ref(const_cast<std::uint32_t&>(word)).load() == 0 && result != WaitResult::timed_out) {
    const FutexWord words[] = {{&word, 0, true}};
    result = futex_wait_any(words, patiently());
  }
  CHECK(result != WaitResult::timed_out);
  CHECK(test::wait_for_child(child).code == 0);
}

TEST_CASE("futex: a signal handler ends the wait as interrupted") {
  // fault 41
  struct sigaction action{};
  action.sa_handler = [](int) {};
  struct sigaction before{};
  ::sigaction(SIGUSR1, &action, &before);
  const std::uint32_t word = 0;
  std::atomic<bool> done = false;
  const auto self = ::pthread_self();
  std::thread interrupter([&] {
    while (!done) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::yield();
    }
  });
  const FutexWord words[] = {{&word, 0, true}};
  CHECK(futex_wait_any(words, patiently()) == WaitResult::interrupted);
  CHECK(futex_wait(word, 0, patiently()) == WaitResult::interrupted);
  done = true;
  interrupter.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}
