#include "ringfleet/fleet/topology_keys.hpp"

#include <algorithm>
#include <array>
#include <numeric>
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

// Levenshtein, one row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

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
  constexpr std::size_t name_max = 64; // longer ones are no typing mistakes
  std::string_view nearest;
  std::size_t nearest_distance = 3;
  for (const TopologyKey& key : keys) {
    if (key.section == section && name.size() <= name_max) {
      const std::size_t distance = edit_distance(name, key.name);
      if (distance < nearest_distance && distance < key.name.size()) {
        nearest = key.name;
        nearest_distance = distance;
      }
    }
  }
  return nearest;
}

} // namespace ringfleet::fleet
