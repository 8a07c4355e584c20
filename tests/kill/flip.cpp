#include "flip.hpp"

#include "../scale.hpp"
#include "../seed.hpp"
#include "intrusion.hpp"
#include "watchdog.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::kill {
namespace {

class Assault {
public:
  Assault(const Attack& attack, std::uint64_t seed, AttackCounts& counts)
      : attack_(attack), random_(seed), counts_(counts) {}

  std::string all(std::uint64_t instructions_max) {
    make();
    begin_round();
    auto wrong = from_the_beginning();
    for (const auto& [run, share] :
         {std::pair(&Assault::toggling, 6U), std::pair(&Assault::once, 1U), std::pair(&Assault::storm, 1U)}) {
      const auto end = counts_.instructions + share * instructions_max / 8;
      while (wrong.empty() && counts_.instructions < end) {
        make();
        wrong = (this->*run)();
      }
    }
    if (wrong.empty()) {
      wrong = at_allocations();
    }
    return wrong.empty() ? beside() : wrong;
  }

private:
  void make() {
    victim_ = attack_.make();
    fields_ = victim_->fields();
    honest_.clear();
    for (const auto& field : fields_) {
      honest_.push_back(field.load());
    }
  }
  void change_any() {
    const auto index = random_() % fields_.size();
    fields_[index].store(any_value(index));
  }

  static constexpr std::size_t hostile_values = 9;
  [[nodiscard]] static std::uint64_t hostile_value(std::uint64_t honest, std::size_t choice) {
    const std::array<std::uint64_t, hostile_values> values{0,
                                                           honest + 1,
                                                           honest - 1,
                                                           honest ^ std::uint64_t{1} << 31,
                                                           honest ^ std::uint64_t{1} << 63,
                                                           ~std::uint64_t{0},
                                                           honest + 64,
                                                           4 * honest,
                                                           0x7fff'ffff};
    return values[choice];
  }
  // Nothing is allocated here: the reader may be in the middle of that.
  [[nodiscard]] std::uint64_t any_value(std::size_t field) {
    const auto choice = random_() % (hostile_values + 2);
    return choice < hostile_values    ? hostile_value(honest_[field], choice)
           : choice == hostile_values ? random_()
                                      : honest_[field];
  }

  // Reads under attack, and then once more in peace.
  template <class Intrude>
  std::string read_under(Intrude&& intrude) {
    std::string wrong;
    const auto count = intrude_upon([&] { wrong = victim_->read(); },
                                    [&](std::uint64_t n) {
                                      now_doing(attack_.name, n);
                                      return n < attack_.instructions_each && intrude(n);
                                    });
    counts_.instructions += count;
    ++counts_.reads;
    length_ = std::max(length_, count);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      fields_[i].store(honest_[i]);
    }
    now_doing(attack_.name, 0);
    if (wrong.empty() && attack_.never_rests && count >= attack_.instructions_each) {
      wrong = fmt::format("it has not come to its end after {} instructions", count);
    }
    for (const bool in_peace : {false, true}) {
      if (wrong.empty() && in_peace) {
        wrong = victim_->read();
      }
      if (wrong.empty()) {
        wrong = victim_->others(in_peace);
      }
    }
    return wrong;
  }

  std::string from_the_beginning() {
    std::string wrong;
    for (const auto& [index, hostile] : order_) {
      make();
      wrong = read_under([&](std::uint64_t) {
        fields_[index].store(hostile);
        return false;
      });
      if (!wrong.empty()) {
        return fmt::format("field {} is {:#x}: {}", index, hostile, wrong);
      }
    }
    return wrong;
  }
  std::string toggling() {
    if (turn_ == order_.size()) {
      begin_round();
    }
    const auto [index, hostile] = order_[turn_++];
    auto wrong = read_under([&](std::uint64_t) {
      fields_[index].store((random_() & 1) != 0 ? hostile : honest_[index]);
      return true;
    });
    return wrong.empty() ? wrong
                         : fmt::format("field {}, in turn {:#x} and {:#x}: {}", index, honest_[index], hostile, wrong);
  }
  void begin_round() {
    order_.clear();
    turn_ = 0;
    for (std::size_t index = 0; index < fields_.size(); ++index) {
      for (std::size_t choice = 0; choice < hostile_values; ++choice) {
        order_.emplace_back(index, hostile_value(honest_[index], choice));
      }
    }
    std::shuffle(order_.begin(), order_.end(), random_);
  }
  std::string once() {
    const auto index = random_() % fields_.size();
    const auto value = any_value(index);
    const auto when = 1 + random_() % length_;
    auto wrong = read_under([&](std::uint64_t n) {
      if (n == when) {
        fields_[index].store(value);
      }
      return n != when;
    });
    return wrong.empty() ? wrong
                         : fmt::format("field {} becomes {:#x} at instruction {}: {}", index, value, when, wrong);
  }
  std::string storm() {
    return read_under([&](std::uint64_t) {
      change_any();
      return true;
    });
  }
  std::string at_allocations() {
    if (attack_.before_each_allocation == nullptr) {
      return {};
    }
    make();
    begin_round();
    for (const auto& [index, hostile] : order_) {
      awaited_field = &fields_[index];
      awaited_value = hostile;
      for (std::uint64_t nth = 1;; ++nth) {
        now_doing(attack_.name, 0);
        allocations_left = nth;
        attack_.before_each_allocation([] {
          if (allocations_left != 0 && --allocations_left == 0) {
            awaited_field->store(awaited_value);
          }
        });
        auto wrong = victim_->read();
        attack_.before_each_allocation(nullptr);
        ++counts_.reads;
        fields_[index].store(honest_[index]);
        if (wrong.empty()) {
          wrong = victim_->others(false);
        }
        if (!wrong.empty()) {
          return fmt::format("field {} becomes {:#x} at allocation {}: {}", index, hostile, nth, wrong);
        }
        if (allocations_left != 0) {
          break; // it makes fewer
        }
      }
    }
    return {};
  }
  // Each change is taken back, so that a read now and then gets far.
  std::string beside() {
    if (attack_.reads_beside == 0) {
      return {};
    }
    make();
    std::string wrong;
    std::atomic<bool> is_over = false;
    std::thread writer([&] {
      while (!is_over) {
        change_any();
        for (std::size_t i = 0; i < fields_.size(); ++i) {
          fields_[i].store(honest_[i]);
        }
      }
    });
    for (std::uint64_t i = 0; i < attack_.reads_beside && wrong.empty(); ++i) {
      now_doing(attack_.name, 0);
      wrong = victim_->read();
      ++counts_.reads;
    }
    is_over = true;
    writer.join();
    return wrong;
  }

  const Attack& attack_;
  std::mt19937_64 random_;
  AttackCounts& counts_;
  std::vector<std::pair<std::size_t, std::uint64_t>> order_; // of fields and hostile values
  std::size_t turn_ = 0;
  std::uint64_t length_ = 1; // of the longest read so far
  std::unique_ptr<Victim> victim_;
  std::vector<Field> fields_;
  std::vector<std::uint64_t> honest_;
  // For an act that is a plain function.
  inline static const Field* awaited_field = nullptr;
  inline static std::uint64_t awaited_value = 0;
  inline static std::uint64_t allocations_left = 0;
};

} // namespace

std::string attack(const Attack& attack, std::uint64_t seed, std::uint64_t instructions_max, AttackCounts& counts) {
  auto wrong = Assault(attack, seed, counts).all(instructions_max);
  return wrong.empty() ? wrong : attack.name + ": " + wrong;
}

int flip_main(int argc, char** argv, const char* program, const std::vector<Attack>& attacks,
              std::uint64_t instructions_max) {
  if (!may_intrude()) {
    std::printf("SKIPPED: %s: not on this processor (x86-64)\n", program);
    return 77;
  }
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  const auto seed = test::seed_or(1);
  begin_watch();
  const auto wanted_instructions = test::rounds_or(instructions_max / test::scale_down);
  AttackCounts counts;
  std::uint64_t attacked = 0;
  for (const auto& one : attacks) {
    if (one.name.find(wanted) == std::string::npos) {
      continue;
    }
    ++attacked;
    if (const auto wrong = attack(one, seed, wanted_instructions, counts); !wrong.empty()) {
      std::fprintf(stderr, "FAILED (RINGFLEET_TEST_SEED=%llu): %s\n", static_cast<unsigned long long>(seed),
                   wrong.c_str());
      return 1;
    }
  }
  std::fputs(fmt::format("{}: memory changed after each of {} instructions in {} reads of {} scenarios: 0 faults, 0 "
                         "stuck (about {} instructions a scenario, seed {})\n"
                         "totals: flips={} scenarios={} reads={}\n",
                         program, counts.instructions, counts.reads, attacked, wanted_instructions, seed,
                         counts.instructions, attacked, counts.reads)
                 .c_str(),
             stdout);
  return attacked == 0 ? 1 : 0;
}

} // namespace ringfleet::kill
