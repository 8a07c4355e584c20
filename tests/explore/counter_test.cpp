// T13, fault 40: counters under every interleaving within the bounds, store buffers included: a process counts, shows
// items and replaces a text, and may die at any access; another one takes a snapshot meanwhile, copy by copy, as the
// kernel copies it. What the snapshot shows was true at some moment of it.

#include "explored_host.hpp"
#include "walk.hpp"

#include "ringfleet/counter/counter_protocol.hpp"
#include "ringfleet/counter/detail/counter_copies.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

constexpr std::array<std::string_view, 4> texts = {"", "the first text, long enough for two words",
                                                   "another one, which is as long as that: 41",
                                                   "and the third, which nobody has seen yet."};

// Process 0 counts and dies; process 1 reads.
class CounterWorld {
public:
  explicit CounterWorld(unsigned writes) : writes_(writes), body_(std::make_unique<counter::CounterBody>()) {}

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned process) const { return process == 0; }
  void run(unsigned process) {
    if (process == 0) {
      count();
    } else {
      read();
    }
  }
  std::string verdict(const Outcome& outcome) {
    if (!wrong_.empty()) {
      return wrong_;
    }
    // What a dead process had counted is there to be read, and nobody disturbs it now.
    read();
    if (!outcome.is_dead(0) && (value_ != writes_ || text_ != texts[writes_])) {
      return "the last value or text is not shown";
    }
    return wrong_;
  }

private:
  static constexpr std::size_t items = 2;

  void count() {
    counter::show_item<E>(body_->items[0], "calls.answered", counter::Kind::counter);
    counter::show_item<E>(body_->items[1], "state", counter::Kind::text);
    for (unsigned write = 0; write < writes_; ++write) {
      counter::add_to<E>(body_->items[0], 1);
      begun_ = write + 1;
      counter::show_text<E>(body_->items[1], texts[write + 1]);
      done_ = write + 1;
    }
  }
  // The words of the items that are used here.
  void copy(counter::CounterBody& to) const {
    for (std::size_t index = 0; index < items; ++index) {
      const auto& from = body_->items[index];
      auto& item = to.items[index];
      item.kind = E::load_relaxed(from.kind);
      item.writes = E::load_relaxed(from.writes);
      item.value = E::load_relaxed(from.value);
      for (std::size_t word = 0; word < std::size(from.label); ++word) {
        item.label[word] = word < used_words ? E::load_relaxed(from.label[word]) : 0;
      }
      for (std::size_t word = 0; word < std::size(from.text[0]); ++word) {
        item.text[0][word] = word < used_words ? E::load_relaxed(from.text[0][word]) : 0;
        item.text[1][word] = word < used_words ? E::load_relaxed(from.text[1][word]) : 0;
      }
    }
  }
  void read() {
    const auto done_before = done_;
    static const auto copies = std::make_unique<counter::CounterCopies>();
    copies->take([this](counter::CounterBody& body) { copy(body); });
    value_ = 0;
    text_.clear();
    if (copies->kind_of(0) == 0) {
      return;
    }
    value_ = copies->value_of(0);
    if (copies->label_of(0) != std::string_view("calls.answered").substr(0, shown_bytes)) {
      wrong_ = "a counter is called '" + copies->label_of(0) + "'";
    }
    if (value_ > writes_ || value_ < done_before) {
      wrong_ = "a counter shows " + std::to_string(value_) + " after " + std::to_string(done_before);
    }
    if (copies->kind_of(1) == 0) {
      return;
    }
    if (copies->label_of(1) != "state") {
      wrong_ = "a text is called '" + copies->label_of(1) + "'";
    }
    if (!copies->text_of_item(1, text_)) {
      return;
    }
    for (auto write = done_before; write <= begun_; ++write) {
      if (text_ == texts[write].substr(0, shown_bytes)) {
        text_ = texts[write];
        return;
      }
    }
    wrong_ = "a text shows '" + text_ + "'";
  }
  // The other words are written, and read by nobody here: they would only make the walk longer.
  static constexpr std::size_t used_words = 2;
  static constexpr std::size_t shown_bytes = used_words * sizeof(std::uint64_t);

  unsigned writes_;
  unsigned begun_ = 0;
  unsigned done_ = 0;
  std::unique_ptr<counter::CounterBody> body_;
  std::uint64_t value_ = 0;
  std::string text_;
  std::string wrong_;
};

void walk(std::string_view name, unsigned writes, const Bounds& bounds) {
  explore::walk(name, bounds, 120'000, [&] { return std::make_unique<CounterWorld>(writes); });
}

} // namespace

TEST_CASE("counter, explored: a snapshot shows whole labels, values and texts, whenever the owner dies") {
  walk("2 texts", 2, {.preemptions = 2});
  walk("3 texts", 3, {.preemptions = 2});
  walk("3 texts, a delayed store", 3, {.preemptions = 1, .deaths = 1, .delays = 1});
}

TEST_CASE("counter, explored: all of that on a machine that reorders stores") {
  walk("2 texts", 2, {.preemptions = 1, .deaths = 1, .delays = 1, .stores_pass = true});
}
