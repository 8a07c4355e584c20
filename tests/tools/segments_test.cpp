// `ringfleet segments`: what the command says and what it removes. (T19)

#include "cli.hpp"

#include "ringfleet/channel/channel_counters.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::tests;
using nlohmann::json;

namespace {

ring::RingSpec spec_at(const memory::Place& place) {
  ring::RingSpec spec;
  spec.place = place;
  spec.unit_bytes = 8;
  spec.capacity = 64;
  spec.members = 4;
  return spec;
}

void killed_owner(const memory::Place& place) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto owner = ring::RingSpace::create(spec_at(place));
    ::raise(SIGKILL);
  }
  REQUIRE(pid > 0);
  (void)::waitpid(pid, nullptr, 0);
}

json entry_of(const json& list, const std::string& name) {
  for (const auto& entry : list) {
    if (entry["name"] == name) {
      return entry;
    }
  }
  return {};
}

} // namespace

TEST_CASE("cli segments: lists rings with their owners, in shared memory and in a directory") {
  const Cli cli("cli-segments");
  const auto alive = memory::Place::shm("test-cli-" + std::to_string(::getpid()));
  const auto dead = memory::Place::file(cli.scratch().path("ticks"));
  const auto owner = ring::RingSpace::create(spec_at(alive));
  killed_owner(dead);
  const auto result = cli({"segments", "ls", "-d", cli.scratch().path("."), "-o", "json"});
  CHECK(result.exit_code == 0);
  const auto list = json::parse(result.out);
  const auto first = entry_of(list, alive.name());
  REQUIRE(first.is_object());
  CHECK(first["state"] == "alive");
  CHECK(first["where"] == "shm");
  CHECK(first["owner_pid"] == ::getpid());
  CHECK(first["owner_alive"] == true);
  CHECK(first["generation"] == 1);
  CHECK(first["lines"] == 4);
  const auto second = entry_of(list, cli.scratch().path(".") + "/ticks");
  REQUIRE(second.is_object());
  CHECK(second["state"] == "dead");
  CHECK(second["owner_alive"] == false);
  const auto text = cli({"segments", "ls"});
  CHECK(text.exit_code == 0);
  CHECK(text.out.find(alive.name()) != std::string::npos);
  // Those whose names begin so: T10.
  const auto some = json::parse(cli({"segments", "ls", "tick", "-d", cli.scratch().path("."), "-o", "json"}).out);
  CHECK(some.size() == 1);
  CHECK(entry_of(some, second["name"]).is_object());
  CHECK(cli({"segments", "ls", alive.name() + "x"}).out == "nothing of ringfleet lies here\n");
  for (const char* part : {"", "members", "lock"}) {
    ::unlink(alive.path(part).c_str());
  }
}

TEST_CASE("cli segments: rm removes what a dead owner left and refuses what lives") {
  const Cli cli("cli-segments-rm");
  const auto place = memory::Place::shm("test-cli-rm-" + std::to_string(::getpid()));
  {
    const auto owner = ring::RingSpace::create(spec_at(place));
    const auto refused = cli({"segments", "rm", place.name()});
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("process " + std::to_string(::getpid()) + " owns it") != std::string::npos);
  }
  const auto removed = cli({"segments", "rm", place.name()});
  CHECK(removed.exit_code == 0);
  CHECK(removed.out == place.name() + " removed\n");
  CHECK(cli({"segments", "rm", place.name()}).exit_code == 5);
  ::unlink(place.path("lock").c_str());

  const auto file = memory::Place::file(cli.scratch().path("ticks"));
  killed_owner(file);
  const auto by_path = cli({"segments", "rm", file.name(), "-o", "json"});
  CHECK(by_path.exit_code == 0);
  CHECK(json::parse(by_path.out)["removed"][0] == file.name());
}

TEST_CASE("cli segments: counter files of channels are listed, and removed once their process is dead") {
  const Cli cli("cli-segments-counters");
  ::setenv("RINGFLEET_DIR", cli.scratch().path("run").c_str(), 1);
  const channel::CounterFile counting("publisher", "ticks", true);
  const pid_t child = ::fork();
  if (child == 0) {
    const channel::CounterFile left("subscriber", "ticks", true);
    ::raise(SIGKILL);
  }
  REQUIRE(child > 0);
  (void)::waitpid(child, nullptr, 0);
  const auto list = [&] {
    auto entries = json::parse(cli({"segments", "ls", "tick", "-o", "json"}).out);
    std::erase_if(entries.get_ref<json::array_t&>(), [](const json& entry) { return entry["kind"] != "counters"; });
    return entries;
  };
  const auto before = list();
  REQUIRE(before.size() == 2);
  for (const auto& entry : before) {
    CHECK(entry["channel"] == "ticks");
    CHECK(entry["state"] == (entry["role"] == "publisher" ? "alive" : "dead"));
    CHECK(entry["owner_pid"] == (entry["role"] == "publisher" ? ::getpid() : child));
  }
  const auto text = cli({"segments", "ls"});
  CHECK(text.out.find("publisher of ticks") != std::string::npos);
  const auto refused = cli({"segments", "rm", counting.path()});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find("counts in it") != std::string::npos);
  for (const auto& entry : before) {
    if (entry["state"] == "dead") {
      CHECK(cli({"segments", "rm", entry["name"]}).exit_code == 0);
    }
  }
  CHECK(list().size() == 1);
}

TEST_CASE("cli segments: wrong words are refused with the right ones") {
  const Cli cli("cli-segments-words");
  for (const auto& words : {std::vector<std::string>{"segments", "list"},
                            {"segments", "rm"},
                            {"segments", "ls", "--all-dead"},
                            {"segments", "rm", "name", "--all-dead"},
                            {"segments", "rm", "na+me"}}) {
    const auto result = cli(words);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.starts_with("ringfleet: "));
  }
}
