// Many processes that want to be a scheduler at the same moment (fault 31). More with RINGFLEET_TEST_ROUNDS=125: that
// is 1,000 starts of one name.

#include "../os/forked_child.hpp"
#include "../seed.hpp"
#include "fleet_fixture.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

constexpr int starters = 8;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end = os::Descriptor(ends[0]);
    write_end = os::Descriptor(ends[1]);
  }
  // In a child: until every writer has let go.
  void wait_for_end() {
    write_end.reset();
    char byte = 0;
    while (read(read_end.get(), &byte, 1) > 0) {
    }
  }
  os::Descriptor read_end;
  os::Descriptor write_end;
};

enum Outcome : char { won = 'w', refused = 'r', failed = 'f' };

bool say(const Pipe& pipe, Outcome outcome) {
  const char byte = outcome;
  return write(pipe.write_end.get(), &byte, 1) == 1;
}

Outcome outcome_of(const Error& error) {
  const std::string text = error.what();
  if (error.code() == ErrorCode::already_exists && contains(text, "start fleet 'race': it runs already")) {
    return refused;
  }
  std::fprintf(stderr, "a start failed: %s\n", text.c_str());
  return failed;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

void check_orderly_ends(const std::vector<pid_t>& children) {
  for (const pid_t child : children) {
    CHECK(wait_for_child(child).to_string() == "exited with 0");
  }
}

} // namespace

TEST_CASE("scheduler: of many that start under one name at once one wins, the others are refused by name, and nothing "
          "stays behind (fault 31)") {
  const RuntimeDirectory directory;
  const std::uint64_t rounds = rounds_or(5);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Pipe go;
    Pipe said;
    Pipe end;
    std::vector<pid_t> children;
    for (int i = 0; i < starters; ++i) {
      children.push_back(fork_child([&] {
        end.write_end.reset();
        go.wait_for_end();
        try {
          const Fleet fleet(topology_of({}, "race"));
          const bool told = say(said, won);
          end.wait_for_end(); // so that nobody comes after it
          return told ? 0 : 1;
        } catch (const Error& error) {
          return say(said, outcome_of(error)) ? 0 : 1;
        }
      }));
    }
    go.write_end.reset();
    said.write_end.reset();
    std::string outcomes(starters, ' ');
    for (char& outcome : outcomes) {
      REQUIRE(read(said.read_end.get(), &outcome, 1) == 1);
    }
    CHECK(std::ranges::count(outcomes, won) == 1);
    CHECK(std::ranges::count(outcomes, refused) == starters - 1);
    if (round % 2 == 0) {
      end.write_end.reset();
      check_orderly_ends(children);
      CHECK(names_in(os::fleet_directory_path("race")) == std::vector<std::string>{"lock"});
    } else { // the next ones find what it leaves
      for (const pid_t child : children) {
        kill(child, SIGKILL);
        wait_for_child(child);
      }
    }
  }
  MESSAGE((rounds * starters), " starts of one name");
  {
    const Fleet last(topology_of({}, "race"));
  }
  CHECK(names_in(os::fleet_directory_path("race")) == std::vector<std::string>{"lock"});
}

TEST_CASE("scheduler: one name belongs to one at a time, however they come and go (fault 31)") {
  const RuntimeDirectory directory;
  const std::string proof = directory.scratch().file("held");
  const std::uint64_t wins_wanted = rounds_or(5);
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork_child([&] {
      for (std::uint64_t wins = 0; wins < wins_wanted;) {
        try {
          const Fleet fleet(topology_of({}, "race"));
          const os::Descriptor held(open(proof.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600));
          if (!held || unlink(proof.c_str()) != 0) {
            return 1;
          }
          ++wins;
        } catch (const Error& error) {
          if (outcome_of(error) != refused) {
            return 2;
          }
          sched_yield();
        }
      }
      return 0;
    }));
  }
  check_orderly_ends(children);
}

TEST_CASE("scheduler: those without a name do not get in each other's way, and leave nothing (fault 31)") {
  const RuntimeDirectory directory;
  const std::uint64_t rounds = rounds_or(5);
  Pipe go;
  std::vector<pid_t> children;
  for (int i = 0; i < starters; ++i) {
    children.push_back(fork_child([&] {
      go.wait_for_end();
      try {
        for (std::uint64_t round = 0; round < rounds; ++round) {
          const Fleet fleet(topology_of({}));
        }
        return 0;
      } catch (const Error& error) {
        return outcome_of(error) == failed ? 1 : 2;
      }
    }));
  }
  go.write_end.reset();
  check_orderly_ends(children);
  CHECK(names_in(os::runtime_base_path()).empty());
}
