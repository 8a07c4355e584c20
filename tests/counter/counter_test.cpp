#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/counter/counter_writer.hpp"

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::counter;

namespace {

// A fleet directory of its own for each test, removed at the end.
struct Directory {
  std::string path;

  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringfleet-counter-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  [[nodiscard]] std::string runner(std::uint64_t serial) const { return counter_path(path, "runner", serial); }
};

constexpr std::size_t file_bytes = memory::segment_body_offset + sizeof(CounterBody);

CounterOwner owner_of(std::uint64_t serial) {
  return {.fleet = "demo", .role = "runner", .name = "zstd", .serial = serial};
}

// Runs `work` in a child that counts, tells when it has, and waits to be killed; returns its pid once it has counted.
template <typename Work>
pid_t child_that_counts(Work work) {
  int told[2];
  REQUIRE(pipe2(told, O_CLOEXEC) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work([&] { (void)!write(told[1], "x", 1); });
    for (;;) {
      pause();
    }
  }
  close(told[1]);
  char byte = 0;
  const auto got = read(told[0], &byte, 1);
  close(told[0]);
  CHECK(got == 1);
  return child;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

std::string error_of(const std::string& path) {
  try {
    (void)CounterSnapshot::read(path);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_segment);
    return error.what();
  }
  return "no error";
}

} // namespace

TEST_CASE("counter: a snapshot equals a scripted run exactly") { // T18
  const Directory directory;
  CounterWriter writer(directory.runner(3), owner_of(3));
  Counter calls = writer.counter("calls");
  Counter lanes = writer.gauge("lanes");
  Text version = writer.text("version");
  for (int i = 0; i < 1'000; ++i) {
    calls.add();
  }
  calls.add(234);
  lanes.add(5);
  lanes.subtract(2);
  version.set("1.0.0");
  version.set("1.0.1");

  const CounterSnapshot seen = CounterSnapshot::read(directory.runner(3));
  CHECK(seen.value("calls") == 1'234);
  CHECK(seen.value("lanes") == 3);
  CHECK(seen.text("version") == "1.0.1");
  CHECK(seen.fleet == "demo");
  CHECK(seen.role == "runner");
  CHECK(seen.name == "zstd");
  CHECK(seen.serial == 3);
  CHECK(seen.owner.pid == getpid());
  CHECK(seen.state == OwnerState::alive);
  CHECK(seen.items.size() == 3);
  CHECK(seen.value("absent") == 0);
}

TEST_CASE("counter: a handle that came from nowhere counts nothing") {
  Counter nothing;
  nothing.add(7);
  Text silent;
  silent.set("x");
  CHECK(nothing.value() == 0);
}

TEST_CASE("counter: a text longer than its room is cut and stays a text") {
  const Directory directory;
  CounterWriter writer(directory.runner(1), owner_of(1));
  writer.text("state").set(std::string(1'000, 'a'));
  CHECK(CounterSnapshot::read(directory.runner(1)).text("state") == std::string(text_bytes - 1, 'a'));
}

TEST_CASE("counter: threads that allocate one label each are added up, and none loses a count (4 threads)") {
  const Directory directory;
  CounterWriter writer(directory.runner(1), owner_of(1));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&writer] {
      Counter calls = writer.counter("calls");
      for (int n = 0; n < 10'000; ++n) {
        calls.add();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const CounterSnapshot seen = CounterSnapshot::read(directory.runner(1));
  CHECK(seen.value("calls") == 40'000);
  CHECK(seen.items.size() == 1);
}

TEST_CASE("counter: an item is seen with its whole label or not at all (reader beside an allocating writer)") {
  const Directory directory;
  CounterWriter writer(directory.runner(1), owner_of(1));
  std::atomic<bool> done = false;
  std::thread allocating([&] {
    for (std::uint32_t i = 0; i < limits::counters_max; ++i) {
      (void)writer.counter("a.rather.long.label.number." + std::to_string(i));
    }
    done = true;
  });
  std::size_t known = 0;
  while (!done) {
    const CounterSnapshot seen = CounterSnapshot::read(directory.runner(1));
    CHECK(seen.items.size() >= known);
    known = seen.items.size();
    for (std::size_t i = 0; i < known; ++i) {
      if (seen.items[i].label != "a.rather.long.label.number." + std::to_string(i)) {
        FAIL_CHECK("item " << i << " is called " << seen.items[i].label);
      }
    }
  }
  allocating.join();
  CHECK_THROWS_AS((void)writer.counter("one.too.many"), Error);
}

TEST_CASE("counter: a file is as long as it has counters") {
  const Directory directory;
  CounterWriter writer(directory.runner(1), owner_of(1), 2);
  CHECK(std::filesystem::file_size(directory.runner(1)) < file_bytes);
  writer.counter("calls").add(7);
  writer.text("state").set("ready");
  CHECK_THROWS_WITH_AS((void)writer.counter("errors"), doctest::Contains("2 are there already"), Error);
  const CounterSnapshot seen = CounterSnapshot::read(directory.runner(1));
  CHECK(seen.items.size() == 2);
  CHECK(seen.value("calls") == 7);
  CHECK(seen.text("state") == "ready");
  for (const std::uint32_t counters : {0U, limits::counters_max + 1}) {
    CHECK_THROWS_WITH_AS((void)create_counter_file(directory.runner(2), owner_of(2), counters),
                         doctest::Contains("1 to 256"), Error);
  }
}

TEST_CASE("counter: a text is never seen half replaced (reader beside a writer that changes it all the time)") {
  const Directory directory;
  CounterWriter writer(directory.runner(1), owner_of(1));
  Text state = writer.text("state");
  state.set(std::string(60, 'a'));
  std::atomic<bool> done = false;
  std::thread changing([&] {
    for (char c = 'a'; !done; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
      state.set(std::string(60, c));
    }
  });
  for (int i = 0; i < 300; ++i) {
    const CounterSnapshot seen = CounterSnapshot::read(directory.runner(1));
    const std::string_view text = seen.text("state");
    if (!text.empty() && text != std::string(60, text.front())) {
      FAIL_CHECK("torn: " << text);
    }
  }
  done = true;
  changing.join();
}

TEST_CASE("counter: what a killed process had counted is readable, and it is called dead") { // fault 40
  const Directory directory;
  const std::string path = directory.runner(9);
  const pid_t child = child_that_counts([&](auto tell) {
    CounterWriter writer(path, owner_of(9));
    Counter calls = writer.counter("calls");
    writer.text("version").set("1.0.0");
    for (int i = 0; i < 77; ++i) {
      calls.add();
    }
    tell();
    for (;;) {
      pause();
    }
  });
  CHECK(CounterSnapshot::read(path).state == OwnerState::alive);
  kill(child, SIGSTOP);
  waitpid(child, nullptr, WUNTRACED);
  CHECK(CounterSnapshot::read(path).state == OwnerState::stopped);
  CHECK(CounterSnapshot::read(path).value("calls") == 77);
  end(child);
  const CounterSnapshot seen = CounterSnapshot::read(path);
  CHECK(seen.state == OwnerState::dead);
  CHECK(seen.value("calls") == 77);
  CHECK(seen.text("version") == "1.0.0");
}

TEST_CASE("counter: a file made for another process belongs to the one that attaches (by descriptor)") {
  const Directory directory;
  const std::string path = directory.runner(4);
  const os::Descriptor file = create_counter_file(path, owner_of(4));
  CHECK(CounterSnapshot::read(path).state == OwnerState::starting);
  const pid_t child = child_that_counts([&](auto tell) {
    CounterWriter writer(file, "counters");
    writer.counter("calls").add(5);
    tell();
    for (;;) {
      pause();
    }
  });
  CHECK(CounterSnapshot::read(path).owner.pid == child);
  CHECK(CounterSnapshot::read(path).value("calls") == 5);
  CHECK_THROWS_AS(CounterWriter(file, "counters"), Error); // two writers are refused
  end(child);
}

TEST_CASE("counter: a file whose name is taken is not replaced, and nothing is left of the attempt") {
  const Directory directory;
  const CounterWriter writer(directory.runner(1), owner_of(1));
  CHECK_THROWS_AS(CounterWriter(directory.runner(1), owner_of(1)), Error);
  CHECK(list_counter_files(directory.path) == std::vector<std::string>{directory.runner(1)});
  CHECK(std::distance(std::filesystem::directory_iterator(counter_directory(directory.path)), {}) == 1);
}

TEST_CASE("counter: labels that are empty, too long or hold blanks are refused") {
  const Directory directory;
  CounterWriter writer(directory.runner(1), owner_of(1));
  for (const std::string& label : {std::string(), std::string(48, 'x'), std::string("two words")}) {
    CHECK_THROWS_AS((void)writer.counter(label), Error);
  }
}

TEST_CASE("counter: a truncated file is refused by name, at every length") { // fault 27
  const Directory directory;
  const std::string path = directory.runner(1);
  {
    const CounterWriter writer(path, owner_of(1));
  }
  for (std::uintmax_t size : std::initializer_list<std::uintmax_t>{file_bytes - 1, 4'096, 127, 1, 0}) {
    std::filesystem::resize_file(path, size);
    const std::string error = error_of(path);
    CHECK(error.find("bytes") != std::string::npos);
    CHECK(error.find(path) != std::string::npos);
  }
}

TEST_CASE("counter: a file cut and grown under the reader is a picture or a refusal, never a crash") { // fault 27
  const Directory directory;
  const std::string path = directory.runner(1);
  {
    CounterWriter(path, owner_of(1)).counter("calls").add(1);
  }
  std::atomic<bool> done = false;
  std::thread cutting([&] {
    while (!done) {
      CHECK(truncate(path.c_str(), 300) == 0);
      CHECK(truncate(path.c_str(), static_cast<off_t>(file_bytes)) == 0);
    }
  });
  for (int i = 0; i < 500; ++i) {
    try {
      (void)CounterSnapshot::read(path);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::bad_segment);
    }
  }
  done = true;
  cutting.join();
}

TEST_CASE("counter: a flipped bit of the header is refused, one of the owner's names is harmless") { // fault 36
  const Directory directory;
  const std::string path = directory.runner(1);
  {
    CounterWriter(path, owner_of(1)).counter("calls").add(1);
  }
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(file >= 0);
  const auto refusals_between = [&](off_t first, off_t end) {
    int refused = 0;
    for (off_t at = first; at < end; ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        unsigned char byte = 0;
        REQUIRE(pread(file, &byte, 1, at) == 1);
        const auto flipped = static_cast<unsigned char>(byte ^ (1U << bit));
        REQUIRE(pwrite(file, &flipped, 1, at) == 1);
        try {
          (void)CounterSnapshot::read(path);
        } catch (const Error&) {
          ++refused;
        }
        REQUIRE(pwrite(file, &byte, 1, at) == 1);
      }
    }
    return refused;
  };
  constexpr off_t covered = offsetof(memory::SegmentHeader, reserved);
  CHECK(refusals_between(0, covered) == covered * 8);
  constexpr off_t body = memory::segment_body_offset;
  CHECK(refusals_between(body, body + static_cast<off_t>(sizeof(OwnerFields))) == 0);
  // The first item: an unknown kind or a label that vanished is damage, a wrong number cannot be told.
  const off_t item = body + static_cast<off_t>(offsetof(CounterBody, items));
  CHECK(refusals_between(item, item + 4) >= 30);
  CHECK(refusals_between(item + 8, item + 16) == 0);
  close(file);
  CHECK(CounterSnapshot::read(path).value("calls") == 1);
}

TEST_CASE("counter: garbage, zeroes, other kinds and other layouts are refused with the reason") { // fault 36
  const Directory directory;
  const std::string path = directory.path + "/garbage";
  std::ofstream(path) << std::string(file_bytes, 'g');
  CHECK(error_of(path).find("magic") != std::string::npos);
  std::ofstream(path) << std::string(file_bytes, '\0');
  CHECK(error_of(path).find("magic") != std::string::npos);

  const auto refused_as = [&](memory::SegmentKind kind, std::uint64_t schema) {
    std::filesystem::remove(path);
    (void)memory::Segment::create_file(path, {.kind = kind, .body_bytes = sizeof(CounterBody), .fingerprint = schema});
    return error_of(path);
  };
  CHECK(refused_as(memory::SegmentKind::arena, fingerprint).find("kind") != std::string::npos);
  CHECK(refused_as(memory::SegmentKind::counters, fingerprint + 1).find("fingerprint") != std::string::npos);
}

TEST_CASE("counter: a file whose creator died before anybody attached is called dead, not starting") { // fault 30
  const Directory directory;
  const std::string path = directory.runner(5);
  const pid_t child = child_that_counts([&](auto tell) {
    const os::Descriptor file = create_counter_file(path, owner_of(5));
    tell();
    for (;;) {
      pause();
    }
  });
  CHECK(CounterSnapshot::read(path).state == OwnerState::starting);
  end(child);
  CHECK(CounterSnapshot::read(path).state == OwnerState::dead);
  CHECK(CounterSnapshot::read(path).name == "zstd");
}
