// Any text as a topology: it is one, or every problem is named with its line and key.

#include "ringfleet/fleet/topology.hpp"
#include "input.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/fleet/name.hpp"
#include "ringfleet/fleet/topology_keys.hpp"

#include <string>

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

void check_accepted(const fleet::Topology& topology) {
  require(!topology.modules.empty() && topology.modules.size() <= limits::modules_max, "1 to modules_max modules");
  std::uint64_t runners = 0;
  for (const auto& module : topology.modules) {
    require(fleet::name_problem(module.id).empty(), "an id that may be one");
    require(!module.path.empty(), "a module has a path");
    require(module.instances >= 1 && module.instances <= limits::instances_max, "instances within the limit");
    require(is_power_of_two(module.slots) && module.slots <= limits::lane_slots_max, "slots: a power of two");
    require(module.slot_bytes >= limits::slot_bytes_min && module.slot_bytes <= limits::slot_bytes_max, "slot_bytes");
    require(module.memory_limit_bytes == 0 || (module.memory_limit_bytes >= limits::memory_limit_min &&
                                               module.memory_limit_bytes <= limits::memory_limit_max),
            "memory_limit");
    require(module.descriptor_limit == 0 || (module.descriptor_limit >= limits::descriptor_limit_min &&
                                             module.descriptor_limit <= limits::descriptor_limit_max),
            "descriptor_limit");
    require(module.config.size() <= limits::config_bytes_max && module.config.front() == '{', "config is an object");
    for (const auto timeout : {module.call_timeout, module.start_timeout, module.drain_timeout}) {
      require(timeout >= limits::timeout_min && timeout <= limits::timeout_max, "a timeout within the limits");
    }
    runners += module.instances;
    fleet::check(module);
  }
  require(runners <= limits::runners_max, "runners within the limit");
  fleet::check(topology.fleet);
}

void check_refused(const fleet::TopologyError& error, std::string_view text) {
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  require(!error.problems().empty(), "a refusal names a problem");
  std::uint32_t line = 0;
  for (const auto& problem : error.problems()) {
    require(!problem.problem.empty(), "a problem has a text");
    require(problem.line >= line && problem.line <= lines, "problems come in the order of their lines");
    require(problem.key.empty() || problem.line != 0, "what has a key has a line");
    line = problem.line;
  }
}

Bytes text_seed(std::string_view text) {
  return InputMaker().add_text(text).make();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    check_accepted(fleet::parse_topology(text, "fuzzed.toml"));
  } catch (const fleet::TopologyError& error) {
    check_refused(error, text);
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  // Paths that exist everywhere, so that whole topologies are accepted.
  std::vector<Bytes> all = {
      text_seed("[fleet]\nname = \"demo\"\norphans = \"stop\"\ndrain_timeout = \"1m30s\"\nstop_timeout = \"5s\"\n\n"
                "[[module]]\nid = \"zstd\"\npath = \"/dev/null\"\ninstances = 2\nranks = 1\nwait = \"spin\"\n"
                "config = { level = 3, deep = [1, 2.5, true, {a = \"b\"}] }\ncall_timeout = \"5s\"\nslots = 256\n"
                "slot_bytes = \"1KiB\"\n"
                "memory_limit = \"1GiB\"\ndescriptor_limit = 64\n\n[[module]]\nid = \"echo\"\npath = \"/dev/zero\"\n"),
      text_seed("module = [{id = \"a\", path = \"sha256:0123456789abcdef\"}]\n"),
      text_seed(
          "[[module]]\nid = \"a\"\npath = \"/dev/null\"\nslots = 3\ninstances = {min = 1, max = 2}\nd = 1979-05-27\n"),
      text_seed("[fleet]\norphans = \"serve\"\n[[module]]\nid = 'x'\npath = '''/no/such'''\nslot_bytes = 0x40\n[.]"),
  };
  std::string every_key;
  for (const auto& key : fleet::topology_keys()) {
    every_key += std::string("[[") + std::string(key.section) + "]]\n" + std::string(key.name) + " = []\n";
  }
  all.push_back(text_seed(every_key));
  return all;
}
