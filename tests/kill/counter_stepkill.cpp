// The owner of a counter file killed after each instruction of what it writes there: readers see an item when its label
// is whole, the old text or the new one, the old number or the new one, and an owner with all that belongs to it.
// Nobody repairs a counter file, so recovery is empty here.

#include "ringfleet/counter/counter_protocol.hpp"
#include "ringfleet/counter/detail/counter_copies.hpp"
#include "stepkill.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::counter;
using namespace ringfleet::kill;

namespace {

std::unique_ptr<CounterCopies> copies_of(const CounterBody& file) {
  auto copies = std::make_unique<CounterCopies>();
  copies->take([&](CounterBody& body) { std::memcpy(static_cast<void*>(&body), &file, sizeof body); });
  return copies;
}

std::string label_of(std::size_t index) {
  return fmt::format("a label that needs more than one word: {}", index);
}

void clear(CounterBody& file) {
  std::memset(static_cast<void*>(&file), 0, sizeof file);
}

// An item of a file for `capacity` of them, behind `before` others, each of them a counter that shows its own number.
// Where those are all that there is room for, nothing changes, in the memory beyond neither.
class Allocating : public World {
public:
  using Memory = CounterBody;
  Allocating(Memory& file, std::uint32_t before, std::uint32_t capacity, Kind kind)
      : file_(file), before_(before), capacity_(capacity), kind_(kind) {
    clear(file);
    for (std::uint32_t i = 0; i < before;) {
      auto* const item = allocate_item(file, i, capacity, label_of(i), Kind::counter);
      add_to(*item, i - 1);
    }
  }
  void operate() override {
    auto allocated = before_;
    if ((allocate_item(file_, allocated, capacity_, label_of(before_), kind_) == nullptr) != is_full()) {
      std::abort();
    }
  }
  void recover() override {}
  Verdict verdict() override {
    const auto copies = copies_of(file_);
    for (std::uint32_t i = 0; i < before_; ++i) {
      if (copies->kind_of(i) != static_cast<std::uint32_t>(Kind::counter) || copies->label_of(i) != label_of(i) ||
          copies->value_of(i) != i) {
        return {fmt::format("item {} is another one now", i)};
      }
    }
    const auto* const rest = reinterpret_cast<const std::byte*>(file_.items + before_ + (is_full() ? 0 : 1));
    if (std::any_of(rest, reinterpret_cast<const std::byte*>(std::end(file_.items)),
                    [](std::byte byte) { return byte != std::byte{0}; })) {
      return {"something was written where no item is to be made"};
    }
    if (is_full() || copies->kind_of(before_) == 0) {
      return {};
    }
    std::string text;
    if (copies->kind_of(before_) != static_cast<std::uint32_t>(kind_) ||
        copies->label_of(before_) != label_of(before_)) {
      return {fmt::format("the new item is shown as '{}'", copies->label_of(before_))};
    }
    if (copies->value_of(before_) != 0 || !copies->text_of_item(before_, text) || !text.empty()) {
      return {"the new item does not start with nothing"};
    }
    return {"", 1};
  }
  std::uint64_t promised() const override { return is_full() ? 0 : 1; }

private:
  [[nodiscard]] bool is_full() const { return before_ == capacity_; }

  Memory& file_;
  std::uint32_t before_;
  std::uint32_t capacity_;
  Kind kind_;
};

// Another text after `writes` of them: the counter of writes wraps, the copies take turns.
class Showing : public World {
public:
  using Memory = CounterBody;
  Showing(Memory& file, std::uint32_t writes) : file_(file) {
    clear(file);
    show_item(item(), label_of(0), Kind::text);
    item().writes = writes - 2;
    show_text(item(), "the one before, which is nobody's any more, and longer than both others");
    show_text(item(), old_text);
  }
  void operate() override { show_text(item(), new_text); }
  void recover() override {}
  Verdict verdict() override {
    std::string text;
    if (!copies_of(file_)->text_of_item(0, text) || (text != old_text && text != new_text)) {
      return {fmt::format("the text is '{}'", text)};
    }
    return {"", text == new_text ? 1U : 0U};
  }
  std::uint64_t promised() const override { return 1; }

private:
  static constexpr std::string_view old_text = "ready, and nothing was lost on the way";
  static constexpr std::string_view new_text = "draining: 12 calls are left to be answered";
  CounterItem& item() { return file_.items[0]; }

  Memory& file_;
};

class Adding : public World {
public:
  using Memory = CounterBody;
  Adding(Memory& file, std::uint64_t from) : file_(file), from_(from) {
    clear(file);
    show_item(file.items[0], label_of(0), Kind::counter);
    add_to(file.items[0], from);
  }
  void operate() override { add_to(file_.items[0], 3); }
  void recover() override {}
  Verdict verdict() override {
    const auto value = copies_of(file_)->value_of(0);
    if (value != from_ && value != from_ + 3) {
      return {fmt::format("the number is {:#x}", value)};
    }
    return {"", value == from_ ? 0U : 1U};
  }
  std::uint64_t promised() const override { return 1; }

private:
  Memory& file_;
  std::uint64_t from_;
};

// A process becomes the owner; where it died before it was, the next one does.
class Owning : public World {
public:
  using Memory = CounterBody;
  explicit Owning(Memory& file) : file_(file) { clear(file); }
  void operate() override { show_owner(file_.owner, first.pid, first.start_time_ticks, first.pid_namespace); }
  void recover() override {}
  Verdict verdict() override {
    if (owner_is(first)) {
      return {"", 1};
    }
    if (copies_of(file_)->before.owner.pid != 0) {
      return {"the owner is shown without its start time or PID namespace"};
    }
    show_owner(file_.owner, next.pid, next.start_time_ticks, next.pid_namespace);
    return {owner_is(next) ? "" : "the next process cannot become the owner", 0};
  }
  std::uint64_t promised() const override { return 1; }

private:
  struct Identity {
    std::uint32_t pid;
    std::uint64_t start_time_ticks;
    std::uint64_t pid_namespace;
  };
  static constexpr Identity first{.pid = 4711, .start_time_ticks = 0x1'0000'0007, .pid_namespace = 0xf000'0001};
  static constexpr Identity next{.pid = 4712, .start_time_ticks = 0x1'0000'0009, .pid_namespace = 0xf000'0002};

  [[nodiscard]] bool owner_is(const Identity& wanted) const {
    const auto copies = copies_of(file_);
    return copies->before.owner.pid == wanted.pid && copies->now.owner.start_time_ticks == wanted.start_time_ticks &&
           copies->now.owner.pid_namespace == wanted.pid_namespace;
  }

  Memory& file_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  constexpr auto most = limits::counters_max;
  for (const auto& [before, capacity] : {std::pair<std::uint32_t, std::uint32_t>{0, 1},
                                         {1, 1},
                                         {3, own_counters},
                                         {own_counters - 1, own_counters},
                                         {own_counters, own_counters},
                                         {most - 1, most},
                                         {most, most}}) {
    for (const auto kind : {Kind::counter, Kind::gauge, Kind::text}) {
      all.push_back(scenario_of<Allocating>(
          fmt::format("allocate kind {} behind {} of {}", static_cast<std::uint32_t>(kind), before, capacity), before,
          capacity, kind));
    }
  }
  for (const std::uint32_t writes : {0U, 1U, 2U, 3U, 0x7fff'ffffU, std::numeric_limits<std::uint32_t>::max()}) {
    all.push_back(scenario_of<Showing>(fmt::format("text after {} writes", writes), writes));
  }
  for (const std::uint64_t from : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 2, (std::uint64_t{1} << 63) - 1,
                                   std::numeric_limits<std::uint64_t>::max()}) {
    all.push_back(scenario_of<Adding>(fmt::format("add to {}", from), from));
  }
  all.push_back(scenario_of<Owning>("become the owner"));
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_counter", scenarios());
}
