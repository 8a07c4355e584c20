#include "command.hpp"
#include "exit_code.hpp"
#include "output.hpp"

#include "ringfleet/base/units.hpp"
#include "ringfleet/channel/counter_files.hpp"
#include "ringfleet/ring/ring_listing.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

using Json = nlohmann::ordered_json;
using channel::FoundCounterFile;
using ring::FoundRing;
using ring::FoundState;

struct Options {
  std::string action;
  std::string name;
  bool all_dead = false;
  std::optional<std::string> directory;
};

// "ticks" lies in shared memory, "/data/ticks" and "./ticks" are files.
memory::Place place_of(const std::string& name) {
  return name.find('/') == std::string::npos ? memory::Place::shm(name) : memory::Place::file(name);
}

std::vector<FoundRing> list(const Options& options, std::string_view prefix = {}) {
  auto rings = ring::list_shm_rings(prefix);
  if (options.directory) {
    for (auto& ring : ring::list_file_rings(*options.directory, prefix)) {
      rings.push_back(std::move(ring));
    }
  }
  return rings;
}

// Of channels whose name, or of files the last part of it, begins with the prefix.
std::vector<FoundCounterFile> list_counters(std::string_view prefix) {
  auto files = channel::list_end_counter_files();
  std::erase_if(files, [&](const FoundCounterFile& file) {
    return !std::string_view(file.channel).substr(file.channel.rfind('/') + 1).starts_with(prefix);
  });
  return files;
}

Style style_of(FoundState state) {
  switch (state) {
  case FoundState::alive: return Style::good;
  case FoundState::ended: return Style::plain;
  case FoundState::dead:
  case FoundState::unfinished:
  case FoundState::unknown: return Style::warning;
  case FoundState::damaged: return Style::bad;
  }
  return Style::plain;
}

std::string number_or_dash(std::uint64_t number) {
  return number == 0 ? "-" : std::to_string(number);
}

std::string name_of(const FoundCounterFile& file) {
  return file.channel.empty() ? file.path : fmt::format("{} of {}", file.role, file.channel);
}

std::string text_of(const std::vector<FoundRing>& rings, const std::vector<FoundCounterFile>& counters, bool colours) {
  using Align = Table::Align;
  Table table({{"NAME"},
               {"WHERE"},
               {"STATE"},
               {"SIZE", Align::right},
               {"OWNER", Align::right},
               {"GENERATION", Align::right},
               {"MEMBERS", Align::right},
               {"PROBLEM"}});
  for (const auto& ring : rings) {
    table.add({ring.place.name(),
               std::string(memory::to_string(ring.place.backing())),
               {std::string(to_string(ring.state)), style_of(ring.state)},
               format_bytes(ring.size_bytes),
               number_or_dash(ring.owner_pid),
               number_or_dash(ring.generation),
               ring.lines == 0 ? "-" : fmt::format("{}/{}", ring.members_alive, ring.lines),
               one_line(ring.problem)});
  }
  for (const auto& file : counters) {
    table.add({name_of(file),
               "counters",
               {std::string(to_string(file.state)), style_of(file.state)},
               format_bytes(file.size_bytes),
               number_or_dash(static_cast<std::uint64_t>(file.pid)),
               "-",
               "-",
               one_line(file.problem)});
  }
  return table.empty() ? "nothing of ringfleet lies here\n" : table.text(colours);
}

Json json_of(const FoundRing& ring) {
  return {{"name", ring.place.name()},
          {"where", memory::to_string(ring.place.backing())},
          {"kind", "ring"},
          {"state", to_string(ring.state)},
          {"size_bytes", ring.size_bytes},
          {"owner_pid", ring.owner_pid},
          {"owner_alive", ring.state == FoundState::alive},
          {"generation", ring.generation},
          {"members", ring.members},
          {"members_alive", ring.members_alive},
          {"lines", ring.lines},
          {"files", ring.files},
          {"problem", ring.problem}};
}

Json json_of(const FoundCounterFile& file) {
  return {{"name", file.path},
          {"where", "file"},
          {"kind", "counters"},
          {"state", to_string(file.state)},
          {"size_bytes", file.size_bytes},
          {"owner_pid", file.pid},
          {"owner_alive", file.state == FoundState::alive},
          {"role", file.role},
          {"channel", file.channel},
          {"problem", file.problem}};
}

template <class List>
std::string dump(const List& list) {
  return Json(list).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

ExitCode show(const Globals& globals, const Options& options) {
  const auto rings = list(options, options.name);
  const auto counters = list_counters(options.name);
  if (globals.format == Format::text) {
    print(text_of(rings, counters, colours_on(STDOUT_FILENO)));
    return ExitCode::ok;
  }
  auto json = Json::array();
  for (const auto& ring : rings) {
    json.push_back(json_of(ring));
  }
  for (const auto& file : counters) {
    json.push_back(json_of(file));
  }
  print(dump(json));
  return ExitCode::ok;
}

bool is_left_over(const FoundRing& ring) {
  return ring.state != FoundState::alive && ring.state != FoundState::unknown && ring.members_alive == 0;
}

// What is removed, by its name, and how.
using Removals = std::vector<std::pair<std::string, std::function<void()>>>;

void add(Removals& removals, const memory::Place& place) {
  removals.emplace_back(place.name(), [place] { ring::remove_ring(place); });
}

void add_counters(Removals& removals, const std::string& path) {
  removals.emplace_back(path, [path] { channel::remove_end_counter_file(path); });
}

// Each is tried; the failures are told together at the end.
ExitCode remove_all(const Globals& globals, const Removals& removals) {
  std::vector<std::string> removed;
  auto failed = Json::array();
  std::string failures;
  ErrorCode code{};
  for (const auto& [name, remove] : removals) {
    try {
      remove();
      removed.push_back(name);
    } catch (const Error& error) {
      code = error.code();
      failed.push_back({{"name", name}, {"error", error.what()}});
      failures += (failures.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  if (globals.format == Format::json) {
    print(dump(Json{{"removed", removed}, {"failed", failed}}));
  } else {
    for (const auto& name : removed) {
      print(fmt::format("{} removed\n", name));
    }
  }
  if (!failures.empty()) {
    throw Failure(exit_code_of(code), failures, Failure::InJson::yes);
  }
  return ExitCode::ok;
}

ExitCode remove(const Globals& globals, const Options& options) {
  if (options.all_dead == !options.name.empty()) {
    throw Failure(ExitCode::usage, "segments rm: name one ring or counter file, or say --all-dead");
  }
  Removals removals;
  const auto counters = channel::list_end_counter_files();
  if (options.all_dead) {
    for (const auto& ring : list(options)) {
      if (is_left_over(ring)) {
        add(removals, ring.place);
      }
    }
    for (const auto& file : counters) {
      if (file.is_left_over()) {
        add_counters(removals, file.path);
      }
    }
  } else if (std::ranges::any_of(counters, [&](const auto& file) { return file.path == options.name; })) {
    add_counters(removals, options.name);
  } else {
    add(removals, place_of(options.name));
  }
  return remove_all(globals, removals);
}

} // namespace

Command segments_command(const Globals& globals) {
  const auto options = std::make_shared<Options>();
  return {.name = "segments",
          .summary = "list rings and the counter files of channels (ls), remove what dead owners left (rm)",
          .declare =
              [options](Parameters& parameters) {
                parameters.argument("ACTION", options->action, "ls or rm");
                parameters.optional_argument("NAME", options->name,
                                             "rm: a ring; with a '/' in it, the path of a file. ls: how names begin");
                parameters.flag("--all-dead", options->all_dead, "rm: all that has no living owner or reader");
                parameters.option("-d,--directory", "DIR", options->directory, "look at the ring files in DIR, too");
                parameters.note("The files NAME+lock stay: without them two processes could own one name.");
              },
          .run =
              [&globals, options] {
                if (options->action == "ls" && !options->all_dead) {
                  return show(globals, *options);
                }
                if (options->action == "rm") {
                  return remove(globals, *options);
                }
                throw Failure(ExitCode::usage,
                              fmt::format("segments {}: the action is ls, or rm with a name or --all-dead",
                                          one_line(options->action)));
              }};
}

} // namespace ringfleet::cli
