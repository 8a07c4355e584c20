#include "ringfleet/fleet/topology.hpp"

#include "scratch_directory.hpp"

#include <algorithm>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fleet;
using namespace std::chrono_literals;

namespace {

// A topology file beside which `echo.so` and `zstd.so.2` lie; they are looked for, never opened.
struct Files {
  test::ScratchDirectory directory;
  std::string file = directory.file("fleet.toml");

  Files() {
    test::write_file(directory.file("echo.so"), "");
    test::write_file(directory.file("zstd.so.2"), "");
    test::write_file(directory.file("zstd.so.10"), "");
  }

  [[nodiscard]] Topology parse(std::string_view text) const { return parse_topology(text, file); }

  [[nodiscard]] TopologyError refusal(std::string_view text) const {
    try {
      (void)parse(text);
    } catch (const TopologyError& error) {
      CHECK(error.code() == ErrorCode::bad_topology);
      return error;
    }
    FAIL("accepted: " << text);
    return {"", {}};
  }
};

constexpr std::string_view module_start = "[[module]]\nid = \"echo\"\npath = \"echo.so\"\n";

} // namespace

TEST_CASE("topology: every key of a whole file is read") { // F42
  const Files files;
  const Topology topology = files.parse(R"(
[fleet]
name = "demo"
orphans = "stop"
drain_timeout = "10s"
stop_timeout = "1.5s"

[[module]]
id = "zstd"
path = "zstd"
instances = 2
ranks = 1
config = { level = 3, names = ["a", "b"], deep = { ratio = 0.5, on = true } }
call_timeout = "5s"
start_timeout = "20s"
drain_timeout = "250ms"
slots = 64
slot_bytes = "4KiB"
wait = "spin"
memory_limit = "256MiB"
descriptor_limit = 100

[[module]]
id = "echo"
path = "./echo.so"
)");
  CHECK(topology.directory == files.directory.path().string());
  CHECK(topology.fleet.name == "demo");
  CHECK(topology.fleet.orphans == "stop");
  CHECK((topology.fleet.drain_timeout == 10s));
  CHECK((topology.fleet.stop_timeout == 1500ms));
  REQUIRE(topology.modules.size() == 2);
  const ModuleSpec& zstd = topology.modules[0];
  CHECK(zstd.id == "zstd");
  CHECK(zstd.path == files.directory.file("zstd.so.10"));
  CHECK(zstd.instances == 2);
  CHECK(zstd.ranks == 1);
  CHECK(zstd.config == R"({"deep":{"on":true,"ratio":0.5},"level":3,"names":["a","b"]})");
  CHECK((zstd.call_timeout == 5s));
  CHECK((zstd.start_timeout == 20s));
  CHECK((zstd.drain_timeout == 250ms));
  CHECK(zstd.slots == 64);
  CHECK(zstd.slot_bytes == 4096);
  CHECK(zstd.wait == call::WaitMode::spin);
  CHECK(zstd.memory_limit_bytes == 256U << 20);
  CHECK(zstd.descriptor_limit == 100);
  CHECK_NOTHROW(check(topology));
}

TEST_CASE("topology: keys that are left out have the defaults of limits.hpp") { // F42
  const Files files;
  const Topology topology = files.parse(module_start);
  CHECK(topology.fleet.name.empty());
  CHECK(topology.fleet.orphans == "stop");
  const ModuleSpec& module = topology.modules.at(0);
  CHECK(module.path == files.directory.file("echo.so"));
  CHECK(module.instances == 1);
  CHECK(module.config == "{}");
  CHECK(module.slots == limits::lane_slots_default);
  CHECK(module.slot_bytes == limits::slot_bytes_default);
  CHECK((module.call_timeout == limits::call_timeout));
  CHECK((module.start_timeout == limits::start_timeout));
  CHECK((module.drain_timeout == limits::drain_timeout));
  CHECK(module.wait == call::WaitMode::park);
  CHECK(module.memory_limit_bytes == 0);
  CHECK(module.descriptor_limit == 0);
  CHECK_NOTHROW(check(topology));
}

TEST_CASE("topology: the drain timeout of the fleet is that of its modules unless they have their own") {
  const Files files;
  const Topology topology = files.parse("fleet = { drain_timeout = \"7s\" }\n" + std::string(module_start) +
                                        "[[module]]\nid = \"own\"\npath = \"echo.so\"\ndrain_timeout = \"2s\"\n");
  CHECK((topology.modules.at(0).drain_timeout == 7s));
  CHECK((topology.modules.at(1).drain_timeout == 2s));
}

TEST_CASE("topology: a wrong value is refused with its line, its key, the problem and what was expected") { // F42
  struct Row {
    std::string_view line; // appended to a good module
    std::string_view key;
    std::string_view problem;
    std::string_view expected;
  };
  const Row table[] = {
      {"slotz = 4", "module.slotz", "unknown key, did you mean slots?", "one of id path instances"},
      {"frobnicate = 4", "module.frobnicate", "unknown key", "one of id path instances"},
      {"slots = \"4\"", "module.slots", "\"4\" is a string", "a power of two from 1 to 65536"},
      {"slots = 3.5", "module.slots", "3.5 is a floating-point number", "a power of two"},
      {"slots = 0", "module.slots", "0 is out of range", "a power of two"},
      {"slots = -1", "module.slots", "-1 is out of range", "a power of two"},
      {"slots = 100", "module.slots", "100 is not a power of two", "a power of two"},
      {"slots = 131072", "module.slots", "131072 is out of range", "a power of two"},
      {"slot_bytes = 1024", "module.slot_bytes", "1024 is an integer without a unit", "for example \"1KiB\""},
      {"slot_bytes = \"1KB\"", "module.slot_bytes", "unknown unit 'KB'", "for example \"1KiB\""},
      {"slot_bytes = \"63B\"", "module.slot_bytes", "63B is out of range", "from 64B to 64KiB"},
      {"slot_bytes = \"1MiB\"", "module.slot_bytes", "1MiB is out of range", "from 64B to 64KiB"},
      {"memory_limit = 1024", "module.memory_limit", "1024 is an integer without a unit", "for example \"512MiB\""},
      {"memory_limit = \"31MiB\"", "module.memory_limit", "31MiB is out of range", "from 32MiB to 1024GiB"},
      {"memory_limit = \"1025GiB\"", "module.memory_limit", "1025GiB is out of range", "from 32MiB to 1024GiB"},
      {"descriptor_limit = 31", "module.descriptor_limit", "31 is out of range", "from 32 to 1048576"},
      {"descriptor_limit = 1048577", "module.descriptor_limit", "1048577 is out of range", "from 32 to 1048576"},
      {"call_timeout = 5", "module.call_timeout", "5 is an integer without a unit", "for example \"5s\""},
      {"call_timeout = 0.5", "module.call_timeout", "0.5 is a floating-point number without a unit", "\"5s\""},
      {"call_timeout = \"5\"", "module.call_timeout", "no unit", "for example \"5s\""},
      {"call_timeout = true", "module.call_timeout", "true is a boolean", "a duration"},
      {"call_timeout = 07:32:00", "module.call_timeout", "date or time", "a duration"},
      {"start_timeout = \"0s\"", "module.start_timeout", "0ns is out of range", "from 1ms to 24h"},
      {"drain_timeout = \"25h\"", "module.drain_timeout", "25h is out of range", "from 1ms to 24h"},
      {"instances = 0", "module.instances", "0 is out of range", "from 1 to 256"},
      {"instances = 257", "module.instances", "257 is out of range", "from 1 to 256"},
      {"instances = {min = 1, max = 2}", "module.instances", "not supported by this version", "for example 2"},
      {"instances = [1]", "module.instances", "this is an array", "an integer"},
      {"ranks = 2", "module.ranks", "groups of 2 runners are not supported by this version", "1"},
      {"ranks = 0", "module.ranks", "0 is out of range", "1"},
      {"wait = \"sleep\"", "module.wait", "\"sleep\" is unknown", "\"park\" or \"spin\""},
      {"wait = 1", "module.wait", "1 is an integer", "\"park\" or \"spin\""},
      {"config = 5", "module.config", "5 is an integer", "a table"},
      {"config = { when = 2024-01-01 }", "module.config.when", "date or time", "a string, number"},
      {"config = { a = [1, { b = inf }] }", "module.config.a[1].b", "which JSON cannot say", "a string, number"},
  };
  const Files files;
  for (const Row& row : table) {
    const TopologyError error = files.refusal(std::string(module_start) + std::string(row.line) + "\n");
    const std::string text = error.what();
    CAPTURE(text);
    REQUIRE(error.problems().size() == 1);
    const TopologyProblem& problem = error.problems().front();
    CHECK(problem.line == 4);
    CHECK(problem.column >= 1);
    CHECK(problem.key == row.key);
    CHECK(problem.problem.find(row.problem) != std::string::npos);
    CHECK(problem.expected.find(row.expected) != std::string::npos);
    CHECK(text.starts_with(files.file + ":4:"));
  }
}

TEST_CASE("topology: a whole file that is wrong is refused where it is wrong") { // F42
  struct Row {
    std::string_view text;
    std::uint32_t line;
    std::string_view key;
    std::string_view problem;
  };
  const Row table[] = {
      {"", 1, "module", "there is no module"},
      {"module = []", 1, "module", "there is no module"},
      {"[module]\nid = \"echo\"\n", 1, "module", "this is a table"},
      {"module = [1]", 1, "module", "1 is an integer"},
      {"fleet = 3\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 1, "fleet", "3 is an integer"},
      {"[fleets]\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 1, "fleets", "did you mean [fleet]?"},
      {"x = 1\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 1, "x", "unknown key"},
      {"[fleet]\nnam = \"a\"\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 2, "fleet.nam", "did you mean name?"},
      {"[fleet]\nname = \"a/b\"\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 2, "fleet.name", "'/' is not allowed"},
      {"[fleet]\nname = \"\"\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 2, "fleet.name", "empty"},
      {"[fleet]\norphans = \"serve\"\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 2, "fleet.orphans",
       "\"serve\" is not supported by this version"},
      {"[fleet]\norphans = \"x\"\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 2, "fleet.orphans", "\"x\" is unknown"},
      {"[fleet]\nstop_timeout = 5\n[[module]]\nid=\"a\"\npath=\"echo.so\"\n", 2, "fleet.stop_timeout", "unit"},
      {"[[module]]\npath = \"echo.so\"\n", 1, "module.id", "the key is missing"},
      {"[[module]]\nid = \"echo\"\n", 1, "module.path", "the key is missing"},
      {"[fleet]\nname = \"channels\"\n[[module]]\nid = \"x\"\npath = \"echo.so\"\n", 2, "fleet.name",
       "taken by the counters"},
      {"[[module]]\nid = \"-x\"\npath = \"echo.so\"\n", 2, "module.id", "begins with '-'"},
      {"[[module]]\nid = \"a\\u0007\"\npath = \"echo.so\"\n", 2, "module.id", "byte 0x07 is not allowed"},
      {"[[module]]\nid = 5\npath = \"echo.so\"\n", 2, "module.id", "5 is an integer"},
      {"[[module]]\nid = \"a\"\npath = \"gone.so\"\n", 3, "module.path", "there is no module \"gone.so\": looked in"},
      {"[[module]]\nid = \"a\"\npath = \"./gone.so\"\n", 3, "module.path", "there is no module file"},
      {"[[module]]\nid = \"a\"\npath = \"\"\n", 3, "module.path", "the module path is empty"},
      {"[[module]]\nid = \"a\"\npath = \"../\"\n", 3, "module.path", "is a directory"},
      {"[[module]]\nid = \"a\"\npath = \"sha256:12\"\n", 3, "module.path", "has 2 hex digits instead of 8 to 64"},
      {"[[module]]\nid = \"a\"\npath = \"a\\u0000b\"\n", 3, "module.path", "zero byte"},
      {"[[module]]\nid = \"a\"\nid = \"b\"\npath = \"echo.so\"\n", 3, "", "id"},
      {"[[module]\n", 1, "", ""},
      {"[[module]]\nid = \"a\n", 2, "", ""},
      {"\xff\xfe", 1, "", ""},
      {"\xc3\xa9 = 1", 1, "", ""}, // a letter, which toml++ 3.3 took for impossible
      {"\xef\xbb\xbb = 1", 1, "", ""},
  };
  const Files files;
  CHECK_THROWS_AS((void)files.parse("[.]"), TopologyError); // no line: the TOML parser loses it
  CHECK_THROWS_AS((void)files.parse("[[ . ]]\nid = 1"), TopologyError);
  for (const Row& row : table) {
    CAPTURE(row.text);
    const TopologyError error = files.refusal(row.text);
    const std::string text = error.what();
    CAPTURE(text);
    REQUIRE(error.problems().size() == 1);
    const TopologyProblem& problem = error.problems().front();
    CHECK(problem.line == row.line);
    CHECK(problem.key == row.key);
    CHECK(problem.problem.find(row.problem) != std::string::npos);
  }
}

TEST_CASE("topology: a duplicate id names the lines of both") { // F9, F42
  const Files files;
  const TopologyError error = files.refusal(std::string(module_start) + std::string(module_start));
  REQUIRE(error.problems().size() == 1);
  CHECK(error.problems()[0].line == 5);
  CHECK(error.problems()[0].problem == "the id \"echo\" is taken by the module in line 2");
}

TEST_CASE("topology: all errors of a file are reported at once, in the order of their lines") { // F42
  const Files files;
  const TopologyError error = files.refusal(R"([fleet]
name = "a b"
[[module]]
slots = 3
id = 7
call_timeout = 5
[[module]]
id = "x"
path = "nowhere/x.so"
)");
  const std::string text = error.what();
  CAPTURE(text);
  std::vector<std::pair<std::uint32_t, std::string>> places;
  for (const TopologyProblem& problem : error.problems()) {
    places.emplace_back(problem.line, problem.key);
  }
  const std::vector<std::pair<std::uint32_t, std::string>> expected{{2, "fleet.name"},          {3, "module.path"},
                                                                    {4, "module.slots"},        {5, "module.id"},
                                                                    {6, "module.call_timeout"}, {9, "module.path"}};
  CHECK((places == expected));
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
  CHECK(text.find(files.file + ":4:9: module.slots: 3 is not a power of two (expected a power of two from 1 to 65536, "
                               "for example 256)") != std::string::npos);
}

TEST_CASE("topology: more than the limits in all is refused") {
  const Files files;
  std::string text;
  for (int module = 0; module < 5; ++module) {
    text += "[[module]]\nid = \"m" + std::to_string(module) + "\"\npath = \"echo.so\"\ninstances = 256\n";
  }
  CHECK(std::string(files.refusal(text).what()).find("1280 runners in all") != std::string::npos);
  const std::string big =
      "[[module]]\nid = \"a\"\npath = \"echo.so\"\nconfig = { x = \"" + std::string(70'000, 'x') + "\" }\n";
  CHECK(std::string(files.refusal(big).what()).find("of JSON are more than 64KiB") != std::string::npos);
}

TEST_CASE("topology: random edits of a good file are read or refused, never more") {
  const Files files;
  const std::string good =
      std::string(module_start) + "slots = 64\nconfig = { a = [1, 2], b = \"x\" }\ncall_timeout = \"5s\"\n";
  std::uint64_t seed = 42;
  const auto random = [&seed] {
    return seed = seed * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407, seed >> 33;
  };
  int refused = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::string text = good;
    for (std::uint64_t edit = 0; edit <= random() % 3; ++edit) {
      text[random() % text.size()] = static_cast<char>(random() % 128);
    }
    try {
      (void)files.parse(text);
    } catch (const TopologyError& error) {
      ++refused;
      REQUIRE_FALSE(error.problems().empty());
    }
  }
  CHECK(refused > 1'000);
}

TEST_CASE("topology: a file that cannot be read is an error that names it") { // F42
  const Files files;
  try {
    (void)load_topology(files.directory.file("gone.toml"));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
    CHECK(std::string(error.what()).find("gone.toml") != std::string::npos);
  }
  CHECK_THROWS_AS((void)load_topology(files.directory.path().string()), Error);
  test::write_file(files.file, module_start);
  CHECK(load_topology(files.file).modules.size() == 1);
}

TEST_CASE("topology: values that a program filled in are checked by the same rules") {
  Topology good;
  good.modules.push_back({});
  good.modules[0].id = "a";
  good.modules[0].path = "x.so";
  CHECK_NOTHROW(check(good));
  const auto refused = [&](auto change) {
    Topology topology = good;
    change(topology);
    CHECK_THROWS_AS(check(topology), Error);
  };
  refused([](Topology& t) { t.fleet.name = "a b"; });
  refused([](Topology& t) { t.fleet.orphans = "serve"; });
  refused([](Topology& t) { t.fleet.stop_timeout = 0s; });
  refused([](Topology& t) { t.modules[0].id.clear(); });
  refused([](Topology& t) { t.modules[0].id = std::string(64, 'x'); });
  refused([](Topology& t) { t.modules[0].path.clear(); });
  refused([](Topology& t) { t.modules[0].instances = 0; });
  refused([](Topology& t) { t.modules[0].ranks = 2; });
  refused([](Topology& t) { t.modules[0].config = "[]"; });
  refused([](Topology& t) { t.modules[0].config = "{"; });
  refused([](Topology& t) { t.modules[0].slots = 3; });
  refused([](Topology& t) { t.modules[0].slot_bytes = 1; });
  refused([](Topology& t) { t.modules[0].memory_limit_bytes = 1 << 20; });
  refused([](Topology& t) { t.modules[0].descriptor_limit = 3; });
  refused([](Topology& t) { t.modules[0].call_timeout = -1s; });
  refused([](Topology& t) { t.modules.push_back(t.modules[0]); });
}
