// Module files with a few wrong bytes, loaded into real runners (fault 23). More with RINGFLEET_TEST_ROUNDS=300, others
// with RINGFLEET_TEST_SEED=7.

#include "../seed.hpp"
#include "fleet_fixture.hpp"
#include "pids_of.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include <elf.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

// How far into the file that reaches which is loaded; what lies behind is for debuggers.
std::uint64_t loaded_bytes(const std::string& image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  std::uint64_t end = 0;
  for (std::uint64_t index = 0; index < header.e_phnum; ++index) {
    Elf64_Phdr segment;
    std::memcpy(&segment, image.data() + header.e_phoff + index * sizeof segment, sizeof segment);
    end = segment.p_type == PT_LOAD ? std::max(end, segment.p_offset + segment.p_filesz) : end;
  }
  return end;
}

// Eight wrong bytes; every other time among the headers, which say where everything is.
std::string corrupted(std::string bytes, std::mt19937_64& random, std::uint64_t round) {
  const std::uint64_t reach = round % 2 == 0 ? 1'024 : loaded_bytes(bytes) - 8;
  const std::uint64_t at = random() % reach;
  for (std::uint64_t index = at; index < at + 8; ++index) {
    bytes[index] = static_cast<char>(random());
  }
  return bytes;
}

// Calls that must all be answered, until stop().
class Calling {
public:
  explicit Calling(Method method) : thread_([this, method] { run(method); }) {}
  ~Calling() { stop(); }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;

  void stop() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  // After stop().
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

private:
  void run(const Method& method) {
    do {
      const std::string text = std::to_string(answered_);
      const Reply reply = method.call(text, {60s});
      if (reply.text() != text) {
        wrong_ = reply.ok() ? "another text" : reply.error();
      }
      ++answered_;
    } while (!stop_);
  }

  std::atomic<bool> stop_{false};
  std::uint64_t answered_ = 0;
  std::string wrong_;
  std::thread thread_; // last: it uses the others
};

} // namespace

TEST_CASE(
    "deploy: a corrupt module file is refused by a clear error while the old version serves, or serves itself; nobody "
    "else notices (fault 23)") {
  const RuntimeDirectory directory;
  const std::uint64_t seed = seed_or(23);
  const std::uint64_t rounds = rounds_or(24 / std::min(scale_down, 3U));
  MESSAGE("seed ", seed);
  std::mt19937_64 random(seed);
  std::ifstream file(shipped("echo"), std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(good.size() > 10'000);
  const std::string path = directory.scratch().file("corrupt.so");

  FleetOptions options;
  options.unlimited_restarts = true;
  options.on_log = [](const LogLine&) {}; // a loader says what it likes
  auto victim = module_of("victim", shipped("echo"));
  victim.drain_timeout = 1s;
  victim.call_timeout = 1s;
  Fleet fleet(topology_of({victim, module_of("echo", shipped("echo"))}), options);
  const Method victim_echo = fleet.method("victim", "echo");
  const std::set<pid_t> others = pids_of(fleet, "echo");
  Calling beside(fleet.method("echo", "echo"));
  std::uint64_t refused = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    write_file(path, corrupted(good, random, round));
    const std::set<pid_t> before = pids_of(fleet, "victim");
    Calling during(victim_echo);
    const std::string error = error_of([&] { (void)fleet.reload("victim", path); });
    during.stop();
    if (!error.empty()) {
      ++refused;
      CHECK_MESSAGE(contains(error, path), error);
      CHECK_MESSAGE(error.size() > path.size() + 40, error); // and says what is wrong with it
      CHECK_MESSAGE(during.wrong().empty(), during.wrong());
      CHECK(pids_of(fleet, "victim") == before);
      CHECK(victim_echo.call("still", {20s}).text() == "still");
      continue;
    }
    // It serves, though nobody knows how. What it broke ends with it.
    const DeployReport back = fleet.reload("victim", shipped("echo"));
    CHECK(back.module == "victim");
    CHECK(victim_echo.call("again", {20s}).text() == "again");
  }
  beside.stop();
  CHECK_MESSAGE(beside.wrong().empty(), beside.wrong());
  CHECK(beside.answered() > 0);
  CHECK(pids_of(fleet, "echo") == others);
  CHECK(refused > 0);
  MESSAGE(rounds, " corrupt files, ", refused, " refused");
}
