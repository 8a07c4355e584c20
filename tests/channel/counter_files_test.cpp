// Which counter files of channels are left over, and who removes them. (T18, T19)

#include "../os/own_pid_namespace.hpp"
#include "channel_fixture.hpp"

#include "ringfleet/channel/counter_files.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;
using ring::FoundState;
using ringfleet::test::passes_in_own_pid_namespace;

namespace {

std::vector<FoundCounterFile> files_of(const memory::Place& place) {
  auto files = list_end_counter_files();
  std::erase_if(files, [&](const auto& file) { return file.channel != place.name(); });
  return files;
}

std::ptrdiff_t count(const memory::Place& place, FoundState state) {
  return std::ranges::count_if(files_of(place), [&](const auto& file) { return file.state == state; });
}

// A publisher and a subscriber, in one process that ends without a word.
void both_ends_die(const memory::Place& place) {
  const auto ended = in_forked_child([&] {
    Publisher<Tick> out(place, small_ring());
    Subscriber<Tick> in(place, from_oldest());
    ::raise(SIGKILL);
    return 0;
  });
  REQUIRE(ended.signalled);
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

} // namespace

TEST_CASE("counter files: those of killed ends are dead and readable until any end of their channel begins") {
  const ScratchChannel channel;
  const ScratchChannel other; // its directory is the one in use from here on
  both_ends_die(channel.place());
  both_ends_die(other.place());
  CHECK(count(channel.place(), FoundState::dead) == 2);
  CHECK(count(other.place(), FoundState::dead) == 2);
  {
    const Publisher<Tick> successor(channel.place(), small_ring());
    CHECK(count(channel.place(), FoundState::dead) == 0);
    CHECK(count(channel.place(), FoundState::alive) == 1);
    CHECK(count(other.place(), FoundState::dead) == 2);
  }
  for (const auto& file : files_of(other.place())) {
    CHECK(file.is_left_over());
    remove_end_counter_file(file.path);
  }
  CHECK(list_end_counter_files().empty());
}

TEST_CASE("counter files: what a process counts in is not removed, and not missed by a forked child of it") {
  const ScratchChannel channel;
  const Publisher<Tick> out(channel.place(), small_ring());
  const auto path = files_of(channel.place()).front().path;
  std::string text;
  CHECK(error_of([&] { remove_end_counter_file(path); }, &text) == ErrorCode::wrong_state);
  CHECK(text.find("process " + std::to_string(::getpid()) + " counts in it") != std::string::npos);
  const auto ended = in_forked_child([&] {
    CounterFile inherited("publisher", "another", true);
    const auto grandchild = in_forked_child([&] {
      inherited.~CounterFile();
      return 0;
    });
    return !grandchild.signalled && exists(inherited.path()) ? 0 : 1;
  });
  CHECK_FALSE(ended.signalled);
  CHECK(ended.code == 0);
  CHECK(exists(path));
}

TEST_CASE("counter files: one of another PID namespace is nobody's to remove") {
  const ScratchChannel channel;
  const Publisher<Tick> out(channel.place(), small_ring());
  std::string left; // by a process of that namespace
  CHECK(passes_in_own_pid_namespace([&] {
    // A second end of the channel, and the first one's pid means nothing here.
    const CounterFile second("publisher", channel.place().name(), true);
    const auto files = files_of(channel.place());
    const auto foreign =
        std::ranges::find_if(files, [](const auto& file) { return file.state == FoundState::unknown; });
    if (files.size() != 2 || foreign == files.end() || foreign->is_left_over()) {
      return false;
    }
    std::string text;
    const auto code = error_of([&] { remove_end_counter_file(foreign->path); }, &text);
    return code == ErrorCode::wrong_state && text.find("PID namespace") != std::string::npos;
  }));
  CHECK(count(channel.place(), FoundState::alive) == 1);
  // And one that died there stays, as far as this namespace can tell.
  CHECK(passes_in_own_pid_namespace([&] {
    (void)new CounterFile("subscriber", channel.place().name(), true);
    _exit(0);
    return true;
  }));
  const auto strays = count(channel.place(), FoundState::unknown);
  const CounterFile next("subscriber", channel.place().name(), true);
  CHECK(count(channel.place(), FoundState::unknown) == strays);
}

TEST_CASE("counter files: an unfinished one goes when its maker is gone, a damaged one when it is asked for") {
  const ScratchChannel channel;
  both_ends_die(channel.place());
  auto file = files_of(channel.place()).front();
  const auto unfinished = file.path + "+" + std::to_string(file.pid) + "-1.new";
  REQUIRE(::rename(file.path.c_str(), unfinished.c_str()) == 0);
  file = files_of(channel.place()).front();
  REQUIRE(::truncate(file.path.c_str(), 100) == 0);
  for (const auto& found : list_end_counter_files()) {
    CHECK(found.state == (found.path == unfinished ? FoundState::unfinished : FoundState::damaged));
    CHECK(found.is_left_over() == (found.path == unfinished));
    CHECK(found.problem.empty() == (found.path == unfinished));
  }
  {
    const CounterFile next("publisher", "another", true);
    CHECK_FALSE(exists(unfinished));
    CHECK(exists(file.path));
  }
  remove_end_counter_file(file.path);
  CHECK(error_of([&] { remove_end_counter_file(file.path); }) == ErrorCode::not_found);
}
