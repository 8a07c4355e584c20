#include "ringfleet/fleet/topology_keys.hpp"

#include "ringfleet/base/nearest.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace ringfleet::fleet {
namespace {

constexpr std::string_view timeout = R"(a duration from 1ms to 24h, for example "5s")";

constexpr std::array keys{
    TopologyKey{"fleet", "name", KeyType::text, false,
                R"(1 to 63 letters, digits, '_', '-' or '.', the first a letter or digit, for example "demo")"},
    TopologyKey{"fleet", "orphans", KeyType::text, false, R"("stop")"},
    TopologyKey{"fleet", "drain_timeout", KeyType::duration, false, timeout},
    TopologyKey{"fleet", "stop_timeout", KeyType::duration, false, timeout},
    TopologyKey{"module", "id", KeyType::text, true,
                R"(1 to 63 letters, digits, '_', '-' or '.', the first a letter or digit, for example "zstd")"},
    TopologyKey{"module", "path", KeyType::text, true,
                R"(a path, a module name or "sha256:…", for example "modules/echo.so")"},
    TopologyKey{"module", "instances", KeyType::integer, false, "an integer from 1 to 256, for example 2"},
    TopologyKey{"module", "ranks", KeyType::integer, false, "1"},
    TopologyKey{"module", "config", KeyType::table, false, "a table, for example { level = 3 }"},
    TopologyKey{"module", "call_timeout", KeyType::duration, false, timeout},
    TopologyKey{"module", "start_timeout", KeyType::duration, false, timeout},
    TopologyKey{"module", "drain_timeout", KeyType::duration, false, timeout},
    TopologyKey{"module", "slots", KeyType::integer, false, "a power of two from 1 to 65536, for example 256"},
    TopologyKey{"module", "slot_bytes", KeyType::size, false, R"(a size from 64B to 64KiB, for example "1KiB")"},
    TopologyKey{"module", "wait", KeyType::text, false, R"("park" or "spin")"},
    TopologyKey{"module", "memory_limit", KeyType::size, false,
                R"(a size from 32MiB to 1024GiB, for example "512MiB")"},
    TopologyKey{"module", "descriptor_limit", KeyType::integer, false,
                "an integer from 32 to 1048576, for example 256"},
};

} // namespace

std::span<const TopologyKey> topology_keys() noexcept {
  return keys;
}

const TopologyKey* find_topology_key(std::string_view section, std::string_view name) noexcept {
  const auto found =
      std::ranges::find_if(keys, [&](const TopologyKey& key) { return key.section == section && key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::string_view nearest_topology_key(std::string_view section, std::string_view name) {
  std::vector<std::string_view> known;
  for (const TopologyKey& key : keys) {
    if (key.section == section) {
      known.push_back(key.name);
    }
  }
  return nearest(name, known);
}

} // namespace ringfleet::fleet
