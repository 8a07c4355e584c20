#include "render.hpp"

#include <algorithm>
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
struct Columns {
  std::vector<std::string_view> heads; // of the columns before the numbers
  std::vector<std::string_view> texts;
  std::vector<std::string_view> numbers;
};

const Columns& fleet_columns() {
  static const Columns columns = {{"FLEET", "PROCESS", "PID", "STATE", "MODULE", "VERSION"},
                                  {"module", "version"},
                                  {"calls", "errors", "exceptions", "bytes_in", "bytes_out"}};
  return columns;
}
const Columns& channel_columns() {
  static const Columns columns = {
      {"CHANNEL", "END", "PID", "STATE"}, {}, {"messages", "bytes", "waits", "readers", "lag", "missed"}};
  return columns;
}

using Row = std::vector<std::string>;

// The file may hold anything: no control character of it reaches the terminal.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(clean.begin(), clean.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return clean.empty() ? "-" : clean;
}

bool has_column(const Columns& columns, std::string_view label) {
  return std::ranges::find(columns.texts, label) != columns.texts.end() ||
         std::ranges::find(columns.numbers, label) != columns.numbers.end();
}

const SnapshotItem* find(const CounterSnapshot& process, std::string_view label) {
  const auto item = std::find_if(process.items.begin(), process.items.end(),
                                 [&](const SnapshotItem& known) { return known.label == label; });
  return item == process.items.end() ? nullptr : &*item;
}

std::string value_of(const SnapshotItem& item) {
  return item.kind == Kind::text ? printable(item.text) : std::to_string(item.value);
}

Row row_of(const Columns& columns, Row row, const CounterSnapshot& process) {
  row.push_back(process.owner.pid == 0 ? "-" : std::to_string(process.owner.pid));
  row.emplace_back(counter::to_string(process.state));
  for (const std::string_view label : columns.texts) {
    const SnapshotItem* item = find(process, label);
    row.push_back(item == nullptr ? printable(label == "module" ? process.name : "") : value_of(*item));
  }
  for (const std::string_view label : columns.numbers) {
    const SnapshotItem* item = find(process, label);
    row.push_back(item == nullptr ? "-" : value_of(*item));
  }
  std::string others;
  for (const SnapshotItem& item : process.items) {
    if (!has_column(columns, item.label)) {
      others += fmt::format("{}{}={}", others.empty() ? "" : " ", printable(item.label), value_of(item));
    }
  }
  row.push_back(others.empty() ? "-" : others);
  return row;
}

Row head_of(const Columns& columns) {
  Row row(columns.heads.begin(), columns.heads.end());
  for (const std::string_view label : columns.numbers) {
    std::string head(label);
    std::ranges::transform(head, head.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    row.push_back(std::move(head));
  }
  row.emplace_back("OTHERS");
  return row;
}

std::string aligned(const std::vector<Row>& rows, std::size_t numbers_from) {
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

nlohmann::ordered_json object_of(const CounterSnapshot& process) {
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
  return entry;
}

} // namespace

std::string as_table(const Picture& picture) {
  std::string text;
  const auto counts = [](const FleetPicture& fleet) { return !fleet.processes.empty(); };
  if (std::ranges::any_of(picture.fleets, counts)) {
    const auto& columns = fleet_columns();
    std::vector<Row> rows = {head_of(columns)};
    for (const FleetPicture& fleet : picture.fleets) {
      for (const CounterSnapshot& process : fleet.processes) {
        rows.push_back(row_of(
            columns, {printable(fleet.name), fmt::format("{}-{}", printable(process.role), process.serial)}, process));
      }
    }
    text += aligned(rows, columns.heads.size());
  }
  if (!picture.channels.empty()) {
    const auto& columns = channel_columns();
    std::vector<Row> rows = {head_of(columns)};
    for (const CounterSnapshot& end : picture.channels) {
      rows.push_back(row_of(columns, {printable(end.name), printable(end.role)}, end));
    }
    text += (text.empty() ? "" : "\n") + aligned(rows, columns.heads.size());
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
      processes.push_back(object_of(process));
    }
    root["fleets"].push_back({{"name", fleet.name}, {"processes", std::move(processes)}});
  }
  root["channels"] = nlohmann::ordered_json::array();
  for (const CounterSnapshot& end : picture.channels) {
    root["channels"].push_back(object_of(end));
  }
  root["refused"] = nlohmann::ordered_json::array();
  for (const RefusedFile& file : picture.refused) {
    root["refused"].push_back({{"path", file.path}, {"error", file.error}});
  }
  return root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace ringfleet::stat
