#pragma once

// Every key of the topology file as data: what the parser accepts, what its errors say was expected, and what
// docs/topology.md and docs/topology.schema.json are tested against.

#include <cstdint>
#include <span>
#include <string_view>

namespace ringfleet::fleet {

enum class KeyType : std::uint8_t { text, integer, duration, size, table };

struct TopologyKey {
  std::string_view section; // "fleet" or "module"
  std::string_view name;
  KeyType type = KeyType::text;
  bool required = false;
  std::string_view expected; // completes "expected …", with an example
};

[[nodiscard]] std::span<const TopologyKey> topology_keys() noexcept;

// None: null.
[[nodiscard]] const TopologyKey* find_topology_key(std::string_view section, std::string_view name) noexcept;

// The key of the section that was probably meant; empty when none is close.
[[nodiscard]] std::string_view nearest_topology_key(std::string_view section, std::string_view name);

} // namespace ringfleet::fleet
