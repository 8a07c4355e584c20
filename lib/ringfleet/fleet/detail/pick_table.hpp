#pragma once

// What a calling thread picks from: the lanes of a module under one route epoch, immutable. A new table replaces the
// old one by a pointer; the old one is freed when every thread that was inside the route at that moment has been seen
// outside since.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/fleet/route_layout.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::fleet {

class LaneEntry;

struct PickTable {
  std::uint64_t epoch = 0;
  std::uint32_t generation = 0; // of the module that was looked for
  Service service = Service::serving;
  std::vector<LaneEntry*> lanes;
};

// What a caller was told last when no runner took its call.
struct Refusal {
  std::string reason;
  MonotonicNs fresh_until = 0;
};

// A module as this process knows it. Lives as long as the core, so that a Method may point to it.
class ModuleView {
public:
  explicit ModuleView(std::string module_name)
      : name(std::move(module_name)), table_(reinterpret_cast<std::uintptr_t>(new PickTable)) {}
  ~ModuleView() { delete &table(); }
  ModuleView(const ModuleView&) = delete;
  ModuleView& operator=(const ModuleView&) = delete;

  const std::string name;
  ProcessWord<std::uint32_t> number;
  ProcessWord<std::uint32_t> generation;
  ProcessWord<std::uint64_t> call_timeout_ns;
  ProcessWord<std::uint64_t> turn; // calls so far; decides between equals; racy on purpose
  Refusal refusal;                 // under the core's lock

  [[nodiscard]] const PickTable& table() const noexcept {
    // SYNC pick.table: acquire; pairs with release in replace. Publishes: the table and the lanes it names.
    return *reinterpret_cast<const PickTable*>(table_.observe());
  }
  // Under the core's lock. Returns the old table, which other threads may still be reading.
  [[nodiscard]] std::unique_ptr<const PickTable> replace(std::unique_ptr<const PickTable> table) noexcept {
    // SYNC pick.table: release; pairs with acquire in table.
    std::unique_ptr<const PickTable> old(&this->table());
    table_.publish(reinterpret_cast<std::uintptr_t>(table.release()));
    return old;
  }

private:
  ProcessWord<std::uint64_t> table_; // a pointer
};

// Tables that were replaced, each with the lines (a bit each) that were inside then and have not been seen outside
// since.
class RetiredTables {
public:
  void add(std::unique_ptr<const PickTable> table, std::uint64_t lines_inside) {
    tables_.emplace_back(std::move(table), lines_inside);
  }
  void sweep(std::uint64_t lines_inside) {
    std::erase_if(tables_, [lines_inside](auto& item) { return (item.second &= lines_inside) == 0; });
  }
  [[nodiscard]] bool empty() const noexcept { return tables_.empty(); }

private:
  std::vector<std::pair<std::unique_ptr<const PickTable>, std::uint64_t>> tables_;
};

} // namespace ringfleet::fleet
