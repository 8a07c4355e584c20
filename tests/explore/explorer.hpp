#pragma once

// Walks the interleavings of a few small processes, depth first, all on one thread. Each access to a shared word (the
// atomics policy ExploredAtomics) is a point where another process may go on instead, or where the process may die: its
// stack is simply never resumed. What a run decided is a list of choices; the next run repeats all but the last one
// that has an alternative. Bounds keep the tree finite: how often a process is preempted, how many die, and how many
// stores stay in the store buffer of their core while others go on (0: sequential consistency).
//
// A world is built anew for each run:
//
//   struct World {
//     unsigned processes() const;                      at most processes_max
//     bool is_mortal(unsigned process) const;
//     void run(unsigned process);                      touches shared words through ExploredAtomics
//     std::string verdict(const explore::Outcome&);    afterwards, alone: recover, drain, compare; empty is good
//   };
//
// A process that finds nothing to do says so: seen = changes(); look; wait_beyond(seen). Never spin.

#include "context.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace ringfleet::explore {

inline constexpr unsigned processes_max = 8;

struct Bounds {
  unsigned preemptions = 2;
  unsigned deaths = 1;
  unsigned delays = 0; // stores that may wait in a store buffer
  std::uint64_t executions_max = ~std::uint64_t{0};
  std::uint64_t random_seed = 0; // not 0: so many random walks instead of all
};

enum class State : std::uint8_t { ready, blocked, asleep, awaiting_death, finished, dead };

struct Outcome {
  std::array<State, processes_max> states{};
  [[nodiscard]] bool is_dead(unsigned process) const { return states[process] == State::dead; }
  // It waits for something that nobody is left to do.
  [[nodiscard]] bool is_stuck(unsigned process) const {
    return states[process] == State::blocked || states[process] == State::asleep;
  }
};

struct Report {
  std::uint64_t executions = 0;
  std::uint64_t accesses = 0;
  std::uint64_t deaths = 0;
  bool is_exhausted = false;
  std::string failure; // the first verdict that was not empty, and the choices that lead to it
};

class Scheduler {
public:
  static Scheduler*& current() {
    static Scheduler* scheduler = nullptr;
    return scheduler;
  }

  template <class MakeWorld>
  static Report explore(const Bounds& bounds, MakeWorld&& make) {
    Scheduler scheduler(bounds);
    while (scheduler.report_.executions < bounds.executions_max) {
      if (bounds.random_seed != 0) {
        scheduler.choices_.clear();
      }
      auto world = make();
      const auto outcome = scheduler.run_once(
          world->processes(), [&](unsigned process) { world->run(process); },
          [&](unsigned process) { return world->is_mortal(process); });
      ++scheduler.report_.executions;
      if (auto verdict = world->verdict(outcome); !verdict.empty()) {
        scheduler.report_.failure = verdict + scheduler.story();
        return scheduler.report_;
      }
      if (bounds.random_seed == 0 && !scheduler.next_run()) {
        scheduler.report_.is_exhausted = true;
        break;
      }
    }
    return scheduler.report_;
  }

  // Before an access of the running process.
  void access() {
    ++report_.accesses;
    for (;;) {
      options_.clear();
      options_.push_back({Option::go_on, running_});
      for (unsigned process = 0; process < processes_; ++process) {
        if (buffered_[process] != 0) {
          options_.push_back({Option::flush, process});
        }
        if (process != running_ && preemptions_left_ != 0 && is_ready(process)) {
          options_.push_back({Option::preempt, process});
        }
      }
      if (deaths_left_ != 0 && mortal_[running_]) {
        options_.push_back({Option::die, running_});
      }
      const auto option = choose();
      switch (option.what) {
      case Option::go_on: return;
      case Option::flush: flush_one(option.process); break;
      case Option::preempt:
        --preemptions_left_;
        next_ = option.process;
        leave();
        return;
      case Option::die:
        --deaths_left_;
        ++report_.deaths;
        flush_all(running_); // a death is proven when every store of the dead has arrived
        states_[running_] = State::dead;
        ++changes_;
        leave();
        break; // never reached: nobody resumes the dead
      }
    }
  }
  // Returns whether the store goes to the memory now; otherwise it is buffered.
  template <class T>
  void store(T& word, T value) {
    access();
    bool is_delayed = buffered_[running_] != 0;
    if (!is_delayed && delays_left_ != 0) {
      options_.assign({{Option::go_on, running_}, {Option::flush, running_}});
      is_delayed = choose().what == Option::flush;
      delays_left_ -= is_delayed;
    }
    if (is_delayed && buffered_[running_] < buffer_max) {
      buffers_[running_][buffered_[running_]++] = {&word, static_cast<std::uint64_t>(value), sizeof(T)};
      return;
    }
    flush_all(running_);
    word = value;
    ++changes_;
  }
  template <class T>
  T load(const T& word) {
    access();
    for (auto i = buffered_[running_]; i-- > 0;) {
      if (buffers_[running_][i].word == &word) {
        return static_cast<T>(buffers_[running_][i].value);
      }
    }
    return word;
  }
  // Before a read-modify-write or a barrier.
  void drain() {
    access();
    flush_all(running_);
  }
  void changed() { ++changes_; }

  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  void wait_beyond(std::uint64_t seen) {
    while (changes_ == seen) {
      blocked_at_[running_] = seen;
      states_[running_] = State::blocked;
      leave();
    }
  }
  // Like a futex: sleeps while the words have these values in the memory, and nobody dies beyond the `deaths_seen` of
  // before.
  struct SleepWord {
    const std::uint32_t* word = nullptr;
    std::uint32_t value = 0;
    [[nodiscard]] bool is_changed() const { return word != nullptr && *word != value; }
  };
  void sleep_while(const SleepWord& one, const SleepWord& other, unsigned deaths_seen) {
    drain();
    asleep_on_[running_] = {one, other, deaths_seen};
    if (!asleep_on_[running_].is_over(deaths())) {
      states_[running_] = State::asleep;
      leave();
    }
  }
  [[nodiscard]] unsigned deaths() const {
    return static_cast<unsigned>(std::count(states_.begin(), states_.begin() + processes_, State::dead));
  }
  // False: nobody has died, and nobody will.
  bool wait_for_death() {
    if (deaths() == 0) {
      states_[running_] = State::awaiting_death;
      leave();
    }
    return deaths() != 0;
  }
  [[nodiscard]] bool is_dead(unsigned process) const { return states_[process] == State::dead; }

private:
  struct Option {
    enum What : std::uint8_t { go_on, flush, preempt, die } what;
    unsigned process;
  };
  struct Choice {
    std::uint32_t taken;
    std::uint32_t of;
    Option option;
  };
  struct Store {
    void* word;
    std::uint64_t value;
    std::size_t size;
  };
  struct Sleep {
    SleepWord one;
    SleepWord other;
    unsigned deaths_seen;
    [[nodiscard]] bool is_over(unsigned deaths) const {
      return one.is_changed() || other.is_changed() || deaths != deaths_seen;
    }
  };
  static constexpr std::size_t buffer_max = 16;

  explicit Scheduler(const Bounds& bounds) : bounds_(bounds), random_(bounds.random_seed) {}

  template <class Run, class IsMortal>
  Outcome run_once(unsigned processes, Run&& run, IsMortal&& is_mortal) {
    processes_ = processes;
    preemptions_left_ = bounds_.preemptions;
    deaths_left_ = bounds_.deaths;
    delays_left_ = bounds_.delays;
    depth_ = 0;
    for (unsigned process = 0; process < processes; ++process) {
      states_[process] = State::ready;
      buffered_[process] = 0;
      mortal_[process] = is_mortal(process);
      contexts_[process].prepare([&, process] {
        run(process);
        states_[process] = State::finished;
        ++changes_;
        leave();
      });
    }
    Scheduler::current() = this;
    next_ = none;
    while (pick()) {
      running_ = next_;
      next_ = none;
      states_[running_] = State::ready;
      Context::change(main_, contexts_[running_]);
    }
    Scheduler::current() = nullptr;
    return {.states = states_};
  }

  // Which one goes on, when the running one cannot, or was preempted. What a core has retired reaches the memory some
  // time, also when its process is finished or waits.
  bool pick() {
    while (next_ == none) {
      options_.clear();
      for (unsigned process = 0; process < processes_; ++process) {
        if (is_ready(process)) {
          options_.push_back({Option::go_on, process});
        }
      }
      for (unsigned process = 0; process < processes_; ++process) {
        if (buffered_[process] != 0) {
          options_.push_back({Option::flush, process});
        }
      }
      if (options_.empty()) {
        break;
      }
      const auto option = choose();
      if (option.what == Option::flush) {
        flush_one(option.process);
      } else {
        next_ = option.process;
      }
    }
    for (unsigned process = 0; process < processes_ && next_ == none; ++process) {
      if (states_[process] == State::awaiting_death) { // in vain
        next_ = process;
      }
    }
    return next_ != none;
  }
  [[nodiscard]] bool is_ready(unsigned process) const {
    switch (states_[process]) {
    case State::ready: return true;
    case State::blocked: return changes_ != blocked_at_[process];
    case State::asleep: return asleep_on_[process].is_over(deaths());
    case State::awaiting_death: return deaths() != 0;
    default: return false;
    }
  }
  Option choose() {
    if (depth_ == choices_.size()) {
      std::uint32_t taken = 0;
      if (bounds_.random_seed != 0 && random_() % 8 == 0) {
        taken = static_cast<std::uint32_t>(random_() % options_.size());
      }
      choices_.push_back({taken, static_cast<std::uint32_t>(options_.size()), {}});
    }
    auto& choice = choices_[depth_++];
    choice.option = options_[choice.taken];
    return choice.option;
  }
  bool next_run() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().of) {
      choices_.pop_back();
    }
    if (choices_.empty()) {
      return false;
    }
    ++choices_.back().taken;
    return true;
  }
  // Only what was not "go on".
  [[nodiscard]] std::string story() const {
    static constexpr const char* names[] = {"process ", "a store of ", "preempted by ", "death of "};
    std::string text = "\nchoices:";
    for (std::size_t i = 0; i < depth_; ++i) {
      if (choices_[i].taken != 0) {
        text.append(" ").append(std::to_string(i)).append(": ").append(names[choices_[i].option.what]);
        text.append(std::to_string(choices_[i].option.process)).append(";");
      }
    }
    return text;
  }

  void flush_one(unsigned process) {
    auto& buffer = buffers_[process];
    std::memcpy(buffer[0].word, &buffer[0].value, buffer[0].size); // little-endian
    std::move(buffer.begin() + 1, buffer.begin() + static_cast<std::ptrdiff_t>(buffered_[process]), buffer.begin());
    --buffered_[process];
    ++changes_;
  }
  void flush_all(unsigned process) {
    while (buffered_[process] != 0) {
      flush_one(process);
    }
  }
  void leave() { Context::change(contexts_[running_], main_); }

  static constexpr unsigned none = ~0U;
  Bounds bounds_;
  Report report_;
  std::mt19937_64 random_;
  std::vector<Choice> choices_;
  std::size_t depth_ = 0;
  std::vector<Option> options_;
  unsigned processes_ = 0;
  unsigned running_ = 0;
  unsigned next_ = none;
  unsigned preemptions_left_ = 0;
  unsigned deaths_left_ = 0;
  unsigned delays_left_ = 0;
  std::uint64_t changes_ = 1;
  std::array<State, processes_max> states_{};
  std::array<bool, processes_max> mortal_{};
  std::array<std::uint64_t, processes_max> blocked_at_{};
  std::array<Sleep, processes_max> asleep_on_{};
  std::array<std::size_t, processes_max> buffered_{};
  std::array<std::array<Store, buffer_max>, processes_max> buffers_{};
  Context main_;
  std::array<Context, processes_max> contexts_;
};

} // namespace ringfleet::explore
