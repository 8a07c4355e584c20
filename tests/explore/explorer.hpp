#pragma once

// Walks the interleavings of a few small processes, depth first, all on one thread. Each access to a shared word (the
// atomics policy ExploredAtomics) is a point where another process may go on instead, or where the process may die: its
// stack is simply never resumed. What a run decided is a list of choices; the next run repeats all but the last one
// that has an alternative. Bounds keep the tree finite: how often a process is preempted, how many die, how many stores
// stay in the store buffer of their core while others go on (0: sequential consistency), and on machines weaker than
// x86 whether stores pass each other there and how many loads are done early.
//
// A world is built anew for each run:
//
//   struct World {
//     unsigned processes() const;                      at most processes_max
//     bool is_mortal(unsigned process) const;
//     unsigned group(unsigned process) const;          optional: threads of one process die together
//     bool ignores(const void* word) const;            optional: only one process touches it, so nobody can tell when
//     bool is_impatient(unsigned process) const;       optional: its deadline may pass at any moment
//     void run(unsigned process);                      touches shared words through ExploredAtomics
//     std::string verdict(const explore::Outcome&);    afterwards, alone: recover, drain, compare; empty is good
//   };
//
// A process that finds nothing to do says so: seen = changes(); look; wait_beyond(seen). Never spin.

#include "choices.hpp"
#include "context.hpp"
#include "report.hpp"
#include "sleep.hpp"
#include "weak_memory.hpp"
#include "world_traits.hpp"

#include "ringfleet/os/futex.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::explore {

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
        scheduler.choices_.forget();
      }
      auto world = make();
      if constexpr (requires { world->ignores(nullptr); }) {
        scheduler.ignores_ = [&world](const void* word) { return world->ignores(word); };
      }
      const auto outcome = scheduler.run_once(
          world->processes(), [&](unsigned process) { world->run(process); },
          [&](unsigned process) { return traits_of(*world, process); });
      ++scheduler.report_.executions;
      auto verdict = scheduler.is_endless_ ? std::string("a process looks again and again, instead of waiting")
                                           : world->verdict(outcome);
      if (!verdict.empty()) {
        scheduler.report_.failure = verdict + scheduler.choices_.story();
        return scheduler.report_;
      }
      if (bounds.random_seed == 0 && !scheduler.choices_.next_run()) {
        scheduler.report_.is_exhausted = true;
        break;
      }
    }
    return scheduler.report_;
  }

  // Before an access of the running process.
  void access() {
    ++report_.accesses;
    if (++accesses_of_run_ > accesses_of_run_max) {
      is_endless_ = true;
      leave();
    }
    for (;;) {
      options_.clear();
      options_.push_back({Option::go_on, running_});
      for (unsigned process = 0; process < processes_; ++process) {
        memory_.offer_flushes(process, options_);
        if (process != running_ && preemptions_left_ != 0 && is_ready(process)) {
          options_.push_back({Option::preempt, process});
        }
      }
      if (deaths_left_ != 0 && traits_[running_].is_mortal) {
        options_.push_back({Option::die, running_});
      }
      const auto option = choose();
      switch (option.what) {
      case Option::go_on: return;
      case Option::flush: flush_one(option.process, option.number); break;
      case Option::early:         // offered to loads
      case Option::expire: break; // offered where the clock is read, and to the parked
      case Option::preempt:
        --preemptions_left_;
        next_ = option.process;
        leave();
        return;
      case Option::die:
        --deaths_left_;
        ++report_.deaths;
        for (unsigned process = 0; process < processes_; ++process) {
          if (traits_[process].group == traits_[running_].group && states_[process] != State::finished) {
            flush_all(process); // a death is proven when every store of the dead has arrived
            states_[process] = State::dead;
          }
        }
        ++changes_;
        leave();
        break; // never reached: nobody resumes the dead
      }
    }
  }
  template <class T>
  void store(T& word, T value, Order order) {
    if (ignores_ && ignores_(&word)) {
      word = value;
      return;
    }
    access();
    const bool must_wait = memory_.must_wait(running_, &word, order);
    bool is_delayed = must_wait;
    if (!is_delayed && delays_left_ != 0) {
      options_.assign({{Option::go_on, running_}, {Option::flush, running_}});
      is_delayed = choose().what == Option::flush;
      delays_left_ -= is_delayed;
    }
    if (is_delayed && memory_.put(running_, word, value, order)) {
      return;
    }
    if (must_wait) {
      flush_all(running_);
    }
    write(word, value);
  }
  template <class T>
  T load(const T& word, Order order) {
    if (ignores_ && ignores_(&word)) {
      return word;
    }
    access();
    T value{};
    if (memory_.find_own(running_, word, value)) {
      return value;
    }
    options_.assign({{Option::go_on, running_}});
    memory_.offer_early(running_, &word, options_);
    if (options_.size() != 1) {
      const auto option = choose();
      if (option.what == Option::early) {
        return static_cast<T>(memory_.load_early(running_, option.number, order));
      }
    }
    memory_.load_latest(running_, &word, order);
    return word;
  }
  // Before a read-modify-write or a barrier.
  void drain() {
    access();
    flush_all(running_);
    order_loads();
  }
  // A barrier between loads; also after whatever else the process has learnt something by.
  void order_loads() { memory_.order_loads(running_); }
  // The memory changes at once.
  template <class T>
  void write(T& word, T value) {
    memory_.write(running_, word, value);
    ++changes_;
  }

  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  void wait_beyond(std::uint64_t seen) {
    if (memory_.forget_early(running_)) {
      return;
    }
    while (changes_ == seen) {
      blocked_at_[running_] = seen;
      states_[running_] = State::blocked;
      leave();
    }
  }
  // Like a futex: sleeps while the words have these values in the memory, and nobody dies beyond the `deaths_seen` of
  // before.
  void sleep_while(const SleepWord& one, const SleepWord& other, unsigned deaths_seen) {
    drain();
    asleep_on_[running_] = {one, other, deaths_seen};
    if (!asleep_on_[running_].is_over(deaths())) {
      states_[running_] = State::asleep;
      leave();
    }
  }
  // As the kernel does it: nobody is woken by a word that changes, only by who wakes it.
  void park(std::span<const os::FutexWord> words, bool has_deadline) {
    drain();
    auto& parked = parked_on_[running_];
    parked.words.clear();
    for (const auto& word : words) {
      if (*word.word != word.expected) {
        return;
      }
      parked.words.push_back(word.word);
    }
    parked.has_deadline = has_deadline;
    parked.is_woken = false;
    states_[running_] = State::parked;
    leave();
  }
  void wake(const std::uint32_t& word) {
    drain();
    ++wakes_;
    ++changes_;
    for (unsigned process = 0; process < processes_; ++process) {
      const auto& words = parked_on_[process].words;
      if (states_[process] == State::parked && std::find(words.begin(), words.end(), &word) != words.end()) {
        parked_on_[process].is_woken = true;
      }
    }
  }
  // Has the deadline of the running process passed? Once it has, it stays so.
  bool is_late() {
    if (!is_late_[running_] && traits_[running_].is_impatient && expirations_left_ != 0) {
      access();
      options_.assign({{Option::go_on, running_}, {Option::expire, running_}});
      if (choose().what == Option::expire) {
        --expirations_left_;
        is_late_[running_] = true;
      }
    }
    return is_late_[running_];
  }
  // Since the run began.
  [[nodiscard]] std::uint64_t wakes() const { return wakes_; }
  [[nodiscard]] std::uint64_t announcements() const { return announcements_; }
  void announced() { ++announcements_; }

  [[nodiscard]] unsigned deaths() const {
    return static_cast<unsigned>(std::count(states_.begin(), states_.begin() + processes_, State::dead));
  }
  // False: nobody has died, and nobody will.
  bool wait_for_death() {
    if (deaths() == 0) {
      states_[running_] = State::awaiting_death;
      leave();
    }
    order_loads();
    return deaths() != 0;
  }
  // Asks the kernel.
  [[nodiscard]] bool is_dead(unsigned process) {
    order_loads();
    return states_[process] == State::dead;
  }

private:
  explicit Scheduler(const Bounds& bounds) : bounds_(bounds), choices_(bounds.random_seed), memory_(bounds) {}

  template <class Run, class TraitsOf>
  Outcome run_once(unsigned processes, Run&& run, TraitsOf&& traits_of_process) {
    processes_ = processes;
    preemptions_left_ = bounds_.preemptions;
    deaths_left_ = bounds_.deaths;
    delays_left_ = bounds_.delays;
    expirations_left_ = bounds_.expirations;
    memory_.begin_run(processes);
    choices_.begin_run();
    accesses_of_run_ = 0;
    is_endless_ = false;
    wakes_ = 0;
    announcements_ = 0;
    for (unsigned process = 0; process < processes; ++process) {
      states_[process] = State::ready;
      traits_[process] = traits_of_process(process);
      is_late_[process] = false;
      contexts_[process].prepare([&, process] {
        run(process);
        states_[process] = State::finished;
        ++changes_;
        leave();
      });
    }
    Scheduler::current() = this;
    next_ = none;
    while (!is_endless_ && pick()) {
      running_ = next_;
      next_ = none;
      states_[running_] = State::ready;
      Context::change(main_, contexts_[running_]);
    }
    Scheduler::current() = nullptr;
    return {.states = states_, .wakes = wakes_, .announcements = announcements_};
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
        memory_.offer_flushes(process, options_);
      }
      const bool is_idle = options_.empty();
      for (unsigned process = 0; process < processes_; ++process) {
        const bool may_expire =
            states_[process] == State::parked && parked_on_[process].has_deadline && !is_ready(process);
        if (may_expire && (is_idle || (expirations_left_ != 0 && traits_[process].is_impatient))) {
          options_.push_back({Option::expire, process});
        }
      }
      if (options_.empty()) {
        break;
      }
      const auto option = choose();
      if (option.what == Option::flush) {
        flush_one(option.process, option.number);
      } else {
        next_ = option.process;
      }
      if (option.what == Option::expire) {
        expirations_left_ -= is_idle ? 0 : 1;
        is_late_[option.process] = true;
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
    case State::parked: return parked_on_[process].is_woken;
    case State::awaiting_death: return deaths() != 0;
    default: return false;
    }
  }
  Option choose() { return choices_.choose(options_); }

  void flush_one(unsigned process, std::uint32_t number) {
    memory_.flush(process, number);
    ++changes_;
  }
  void flush_all(unsigned process) {
    while (memory_.has_stores(process)) {
      flush_one(process, 0);
    }
  }
  void leave() { Context::change(contexts_[running_], main_); }

  static constexpr unsigned none = ~0U;
  Bounds bounds_;
  Report report_;
  Choices choices_;
  std::vector<Option> options_;
  unsigned processes_ = 0;
  unsigned running_ = 0;
  unsigned next_ = none;
  unsigned preemptions_left_ = 0;
  unsigned deaths_left_ = 0;
  unsigned delays_left_ = 0;
  std::uint64_t changes_ = 1;
  std::array<State, processes_max> states_{};
  unsigned expirations_left_ = 0;
  static constexpr std::uint64_t accesses_of_run_max = 20'000;
  std::uint64_t accesses_of_run_ = 0;
  bool is_endless_ = false;
  std::uint64_t wakes_ = 0;
  std::uint64_t announcements_ = 0;
  std::array<Traits, processes_max> traits_{};
  std::array<bool, processes_max> is_late_{};
  std::array<Parked, processes_max> parked_on_;
  std::array<std::uint64_t, processes_max> blocked_at_{};
  std::array<Sleep, processes_max> asleep_on_{};
  WeakMemory memory_;
  std::function<bool(const void*)> ignores_;
  Context main_;
  std::array<Context, processes_max> contexts_;
};

} // namespace ringfleet::explore
