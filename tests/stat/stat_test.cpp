#include "ringfleet/counter/counter_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace ringfleet;
using counter::CounterOwner;
using counter::CounterWriter;

namespace {

struct Result {
  int status = -1;
  std::string out;
};

// A runtime directory of its own, named to the program by $RINGFLEET_DIR.
struct Runtime {
  std::string path;

  Runtime() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringfleet-stat-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
    REQUIRE(setenv("RINGFLEET_DIR", path.c_str(), 1) == 0);
  }
  ~Runtime() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] std::string fleet(const std::string& name) const {
    const std::string directory = path + "/" + name;
    std::filesystem::create_directories(directory);
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
    return directory;
  }

  // Paths and pids differ from run to run.
  [[nodiscard]] std::string neutral(std::string text) const {
    for (std::size_t at = 0; (at = text.find(path, at)) != std::string::npos;) {
      text.replace(at, path.size(), "DIR");
    }
    return text;
  }
};

Result run(const std::string& arguments) {
  const char* program = std::getenv("RINGFLEET_STAT");
  REQUIRE(program != nullptr);
  FILE* pipe = popen((std::string(program) + " " + arguments).c_str(), "r");
  REQUIRE(pipe != nullptr);
  Result result;
  std::array<char, 4096> buffer;
  for (std::size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.out.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

void count_as_runner(CounterWriter& writer) {
  writer.text("module").set("zstd");
  writer.text("version").set("1.5.4");
  writer.text("state").set("serving");
  writer.counter("calls").add(1'200);
  writer.counter("errors").add(3);
  writer.counter("bytes_in").add(1'048'576);
  writer.counter("bytes_out").add(2'048);
  writer.gauge("lanes").set(2);
}

// A process that counted and is dead.
pid_t dead_runner(const std::string& path) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    CounterWriter writer(path, {.fleet = "night", .role = "runner", .name = "echo", .serial = 2});
    writer.counter("calls").add(7);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  return child;
}

// Golden texts are written with PID in a field as wide as the longest pid of the table.
std::string field(pid_t pid, std::size_t width) {
  std::string text = std::to_string(pid);
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

} // namespace

TEST_CASE("stat: one aligned table shows fleets whose processes live and fleets whose processes are dead") { // F44
  const Runtime runtime;
  CounterWriter scheduler(counter::counter_path(runtime.fleet("day"), "scheduler", 0),
                          {.fleet = "day", .role = "scheduler", .name = "", .serial = 0});
  scheduler.counter("runners.started").add(2);
  scheduler.gauge("runners.ready").set(1);
  CounterWriter runner(counter::counter_path(runtime.fleet("day"), "runner", 12),
                       {.fleet = "day", .role = "runner", .name = "zstd", .serial = 12});
  count_as_runner(runner);
  const pid_t dead = dead_runner(counter::counter_path(runtime.fleet("night"), "runner", 2));

  const std::size_t width = std::max({std::to_string(getpid()).size(), std::to_string(dead).size(), std::size_t{3}});
  const std::string pad(width - 3, ' ');
  const Result result = run("");
  CHECK(result.status == 0);
  CHECK(result.out ==
        "FLEET  PROCESS      " + pad +
            "PID  STATE  MODULE  VERSION  CALLS  ERRORS  EXCEPTIONS  BYTES_IN  BYTES_OUT  OTHERS\n"
            "day    scheduler-0  " +
            field(getpid(), width) +
            "  alive  -       -            -       -           -         -          -  runners.started=2 "
            "runners.ready=1\n"
            "day    runner-12    " +
            field(getpid(), width) +
            "  alive  zstd    1.5.4     1200       3           -   1048576       2048  state=serving lanes=2\n"
            "night  runner-2     " +
            field(dead, width) + "  dead   echo    -            7       -           -         -          -  -\n");
}

TEST_CASE("stat: one fleet can be chosen, and a fleet that does not exist is named with those that do") {
  const Runtime runtime;
  dead_runner(counter::counter_path(runtime.fleet("night"), "runner", 2));
  (void)runtime.fleet("day");
  CHECK(run("--fleet night").out.find("runner-2") != std::string::npos);
  CHECK(run("--fleet day").out.find("runner-2") == std::string::npos);
  const Result none = run("--fleet noon 2>&1");
  CHECK(none.status == 3);
  CHECK(runtime.neutral(none.out) == "ringfleet-stat: fleet 'noon' in 'DIR' (there are: day, night)\n");
}

TEST_CASE("stat: garbage and truncated files are named, the rest is shown, and the exit status says so") { // fault 27
  const Runtime runtime;
  dead_runner(counter::counter_path(runtime.fleet("night"), "runner", 2));
  std::ofstream(counter::counter_path(runtime.fleet("night"), "runner", 3)) << "garbage";
  const Result result = run("2>&1");
  CHECK(result.status == 1);
  CHECK(result.out.find("runner-2") != std::string::npos);
  CHECK(runtime.neutral(result.out).find("segment 'DIR/night/counters/runner-3': it has 7 bytes, expected") !=
        std::string::npos);
}

TEST_CASE("stat: the JSON holds every number and every refusal") {
  const Runtime runtime;
  CounterWriter runner(counter::counter_path(runtime.fleet("day"), "runner", 12),
                       {.fleet = "day", .role = "runner", .name = "zstd", .serial = 12});
  count_as_runner(runner);
  const Result result = run("-o json");
  CHECK(result.status == 0);
  CHECK(runtime.neutral(result.out) == R"({
  "directory": "DIR",
  "fleets": [
    {
      "name": "day",
      "processes": [
        {
          "role": "runner",
          "serial": 12,
          "name": "zstd",
          "pid": )" + std::to_string(getpid()) +
                                           R"(,
          "state": "alive",
          "counters": {
            "calls": 1200,
            "errors": 3,
            "bytes_in": 1048576,
            "bytes_out": 2048,
            "lanes": 2
          },
          "texts": {
            "module": "zstd",
            "version": "1.5.4",
            "state": "serving"
          }
        }
      ]
    }
  ],
  "channels": [],
  "refused": []
}
)");
}

TEST_CASE("stat: the ends of channels have a table of their own, without the columns of calls") { // T18
  const Runtime runtime;
  const auto directory = runtime.fleet("channels");
  CounterWriter reader(counter::counter_path(directory, "subscriber", 2),
                       {.fleet = "channels", .role = "subscriber", .name = "ticks", .serial = 2});
  reader.counter("messages").add(41);
  reader.gauge("lag").set(3);
  CounterWriter writer(counter::counter_path(directory, "publisher", 1),
                       {.fleet = "channels", .role = "publisher", .name = "ticks", .serial = 1});
  writer.counter("messages").add(44);
  writer.counter("full").add(2);
  writer.gauge("readers").set(1);
  const auto pid = std::to_string(getpid());
  const std::string gap(pid.size() > 3 ? pid.size() - 3 : 0, ' ');
  CHECK(run("").out == "CHANNEL  END         " + gap +
                           "PID  STATE  MESSAGES  BYTES  WAITS  READERS  LAG  MISSED  OTHERS\n"
                           "ticks    publisher   " +
                           pid +
                           "  alive        44      -      -        1    -       -  full=2\n"
                           "ticks    subscriber  " +
                           pid + "  alive        41      -      -        -    3       -  -\n");
  CHECK(run("-o json").out.find("\"channels\": [\n    {\n      \"role\": \"publisher\"") != std::string::npos);
}

TEST_CASE("stat: control characters in a file do not reach the terminal") {
  const Runtime runtime;
  CounterWriter runner(counter::counter_path(runtime.fleet("day"), "runner", 1),
                       {.fleet = "day", .role = "runner", .name = "x", .serial = 1});
  runner.text("module").set("\033[2Jevil\n");
  const Result result = run("");
  CHECK(result.out.find('\033') == std::string::npos);
  CHECK(result.out.find("?[2Jevil?") != std::string::npos);
}

TEST_CASE("stat: without any fleet it says where it looked and how to start one") {
  const Runtime runtime;
  const Result result = run("2>&1 >/dev/null");
  CHECK(result.status == 0);
  CHECK(runtime.neutral(result.out) ==
        "ringfleet-stat: no fleet and no channel counts in 'DIR' (start one with: ringfleet up FILE)\n");
}

TEST_CASE("stat: no table is printed without a row (a fleet that was stopped, and that beside a channel)") {
  const Runtime runtime;
  (void)runtime.fleet("day"); // its lock and its log stay when it is stopped
  CHECK(run("2>/dev/null").out.empty());
  CHECK(runtime.neutral(run("2>&1").out) ==
        "ringfleet-stat: no fleet and no channel counts in 'DIR' (start one with: ringfleet up FILE)\n");
  CHECK(runtime.neutral(run("--fleet day 2>&1").out) ==
        "ringfleet-stat: no process of fleet 'day' counts in 'DIR' (start one with: ringfleet up FILE)\n");
  CounterWriter writer(counter::counter_path(runtime.fleet("channels"), "publisher", 1),
                       {.fleet = "channels", .role = "publisher", .name = "ticks", .serial = 1});
  CHECK(run("2>&1").out.starts_with("CHANNEL  END "));
}

TEST_CASE("stat: --version, --help and wrong usage have their exit statuses") {
  const Runtime runtime;
  CHECK(run("--version").out.starts_with("ringfleet-stat "));
  CHECK(run("--version").status == 0);
  CHECK(run("--help").out.find("Exit status") != std::string::npos);
  CHECK(run("--nonsense 2>/dev/null").status == 2);
  CHECK(run("-o xml 2>/dev/null").status == 2);
  CHECK(run("bogus 2>&1").out == "ringfleet-stat: command line: unexpected 'bogus' (see 'ringfleet-stat --help')\n");
  const std::string format = run("-o xml 2>&1").out;
  CHECK(format.starts_with("ringfleet-stat: command line: "));
  CHECK(std::ranges::count(format, '\n') == 1);
}
