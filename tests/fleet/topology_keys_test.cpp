#include "ringfleet/fleet/topology.hpp"
#include "ringfleet/fleet/topology_keys.hpp"

#include "scratch_directory.hpp"

#include <map>
#include <set>

#include <nlohmann/json.hpp>

using namespace ringfleet::fleet;

namespace {

const std::filesystem::path docs = DOCS_DIRECTORY;

std::set<std::string> keys_of(std::string_view section, bool required_only) {
  std::set<std::string> names;
  for (const TopologyKey& key : topology_keys()) {
    if (key.section == section && (key.required || !required_only)) {
      names.emplace(key.name);
    }
  }
  return names;
}

} // namespace

TEST_CASE("topology_keys: the JSON schema has the keys of the parser, their types and no others") { // F42
  const auto schema = nlohmann::json::parse(ringfleet::test::read_file(docs / "topology.schema.json"));
  CHECK(schema.at("additionalProperties") == false);
  CHECK(schema.at("properties").size() == 2);
  for (const std::string section : {"fleet", "module"}) {
    CAPTURE(section);
    const auto& part = schema.at("properties").at(section);
    const auto& object = section == "module" ? part.at("items") : part;
    CHECK(object.at("additionalProperties") == false);
    std::set<std::string> names;
    for (const auto& [name, property] : object.at("properties").items()) {
      CAPTURE(name);
      names.insert(name);
      const TopologyKey* key = find_topology_key(section, name);
      REQUIRE(key != nullptr);
      switch (key->type) {
      case KeyType::text: CHECK((property.contains("enum") || property.at("type") == "string")); break;
      case KeyType::integer: CHECK(property.at("type") == "integer"); break;
      case KeyType::duration: CHECK(property.at("$ref") == "#/$defs/duration"); break;
      case KeyType::size: CHECK(property.at("$ref") == "#/$defs/size"); break;
      case KeyType::table: CHECK(property.at("type") == "object"); break;
      }
    }
    CHECK(names == keys_of(section, false));
    const auto required = object.value("required", std::set<std::string>{});
    CHECK(required == keys_of(section, true));
  }
}

TEST_CASE("topology_keys: docs/topology.md has a row for each key and no other") { // F42
  std::ifstream page(docs / "topology.md");
  REQUIRE(page.good());
  std::string section;
  std::map<std::string, std::set<std::string>> rows;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("#")) {
      section = line.find("[fleet]") != std::string::npos      ? "fleet"
                : line.find("[[module]]") != std::string::npos ? "module"
                                                               : "";
    } else if (!section.empty() && line.starts_with("| `")) {
      rows[section].insert(line.substr(3, line.find('`', 3) - 3));
    }
  }
  CHECK(rows["fleet"] == keys_of("fleet", false));
  CHECK(rows["module"] == keys_of("module", false));
}

TEST_CASE("topology_keys: the example of docs/topology.md is a good topology") { // F42
  const std::string page = ringfleet::test::read_file(docs / "topology.md");
  const std::size_t begin = page.find("```toml\n");
  REQUIRE(begin != std::string::npos);
  const std::size_t end = page.find("\n```", begin);
  REQUIRE(end != std::string::npos);
  const ringfleet::test::ScratchDirectory directory;
  std::filesystem::create_directory(directory.file("modules"));
  for (const std::string_view module : {"modules/zstd_v1.so", "modules/echo.so"}) {
    ringfleet::test::write_file(directory.file(module), "");
  }
  const Topology topology = parse_topology(page.substr(begin + 8, end - begin - 7), directory.file("fleet.toml"));
  CHECK(topology.modules.size() == 2);
}

TEST_CASE("topology_keys: a mistyped key leads to the one that was meant, a strange one to none") {
  CHECK(nearest_topology_key("module", "slotz") == "slots");
  CHECK(nearest_topology_key("module", "instance") == "instances");
  CHECK(nearest_topology_key("module", "slot_byte") == "slot_bytes");
  CHECK(nearest_topology_key("fleet", "nmae") == "name");
  CHECK(nearest_topology_key("module", "frobnicate").empty());
  CHECK(nearest_topology_key("module", "").empty());
  CHECK(nearest_topology_key("module", std::string(100'000, 'x')).empty());
}
