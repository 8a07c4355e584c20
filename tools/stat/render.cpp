#include "render.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet::stat {
namespace {

using counter::CounterSnapshot;
using counter::Kind;
using counter::SnapshotItem;

// Items that have a column of their own; everything else goes to the last one as label=value.
constexpr std::array<std::string_view, 2> text_columns = {"module", "version"};
constexpr std::array<std::string_view, 5> number_columns = {"calls", "errors", "exceptions", "bytes_in", "bytes_out"};

using Row = std::vector<std::string>;

// The file may hold anything: no control character of it reaches the terminal.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(clean.begin(), clean.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return clean.empty() ? "-" : clean;
}

bool has_column(std::string_view label) {
  return std::find(text_columns.begin(), text_columns.end(), label) != text_columns.end() ||
         std::find(number_columns.begin(), number_columns.end(), label) != number_columns.end();
}

const SnapshotItem* find(const CounterSnapshot& process, std::string_view label) {
  const auto item = std::find_if(process.items.begin(), process.items.end(),
                                 [&](const SnapshotItem& known) { return known.label == label; });
  return item == process.items.end() ? nullptr : &*item;
}

std::string value_of(const SnapshotItem& item) {
  return item.kind == Kind::text ? printable(item.text) : std::to_string(item.value);
}

Row row_of(const std::string& fleet, const CounterSnapshot& process) {
  Row row = {printable(fleet), fmt::format("{}-{}", printable(process.role), process.serial),
             process.owner.pid == 0 ? "-" : std::to_string(process.owner.pid),
             std::string(counter::to_string(process.state))};
  for (const std::string_view label : text_columns) {
    const SnapshotItem* item = find(process, label);
    row.push_back(item == nullptr ? printable(label == "module" ? process.name : "") : value_of(*item));
  }
  for (const std::string_view label : number_columns) {
    const SnapshotItem* item = find(process, label);
    row.push_back(item == nullptr ? "-" : value_of(*item));
  }
  std::string others;
  for (const SnapshotItem& item : process.items) {
    if (!has_column(item.label)) {
      others += fmt::format("{}{}={}", others.empty() ? "" : " ", printable(item.label), value_of(item));
    }
  }
  row.push_back(others.empty() ? "-" : others);
  return row;
}

} // namespace

std::string as_table(const Picture& picture) {
  std::vector<Row> rows = {{"FLEET", "PROCESS", "PID", "STATE", "MODULE", "VERSION", "CALLS", "ERRORS", "EXCEPTIONS",
                            "BYTES_IN", "BYTES_OUT", "OTHERS"}};
  for (const FleetPicture& fleet : picture.fleets) {
    for (const CounterSnapshot& process : fleet.processes) {
      rows.push_back(row_of(fleet.name, process));
    }
  }
  const std::size_t numbers_from = 6;
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      const bool right = i == 2 || i >= numbers_from;
      text += right ? fmt::format("{:>{}}  ", row[i], widths[i]) : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += row.back() + "\n";
  }
  return text;
}

std::string as_json(const Picture& picture) {
  nlohmann::ordered_json root;
  root["directory"] = picture.directory;
  root["fleets"] = nlohmann::ordered_json::array();
  for (const FleetPicture& fleet : picture.fleets) {
    nlohmann::ordered_json processes = nlohmann::ordered_json::array();
    for (const CounterSnapshot& process : fleet.processes) {
      nlohmann::ordered_json entry;
      entry["role"] = process.role;
      entry["serial"] = process.serial;
      entry["name"] = process.name;
      entry["pid"] = process.owner.pid;
      entry["state"] = counter::to_string(process.state);
      entry["counters"] = nlohmann::ordered_json::object();
      entry["texts"] = nlohmann::ordered_json::object();
      for (const SnapshotItem& item : process.items) {
        if (item.kind == Kind::text) {
          entry["texts"][item.label] = item.text;
        } else {
          entry["counters"][item.label] = item.value;
        }
      }
      processes.push_back(std::move(entry));
    }
    root["fleets"].push_back({{"name", fleet.name}, {"processes", std::move(processes)}});
  }
  root["refused"] = nlohmann::ordered_json::array();
  for (const RefusedFile& file : picture.refused) {
    root["refused"].push_back({{"path", file.path}, {"error", file.error}});
  }
  return root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace ringfleet::stat
