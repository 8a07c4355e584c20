// `ours`: a `spin` ring of 8-byte messages, each published on its own; the rate is that of the last reader, and the
// others keep up or hold it back. Each side has a core of its own; a row for which there are too few is missing, and
// says so. `ours_free`: the same readers, none of which follows another one.
//
// `ours_counted` needs no cores: one thread plays all sides, in turn, `together` messages at a time. It tells how many
// instructions a message takes, on all sides together, and how many cache lines would move between the cores, by a
// model (counted/line_model.hpp). What a reader adds is the difference between two such rows.

#include "broadcast/broadcast.hpp"

#include "counted/counted_row.hpp"
#include "counted/instructions.hpp"
#include "counted/line_model.hpp"
#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "peers/missing.hpp"
#include "stream/ring_stream.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::bench {
namespace {

constexpr std::size_t bytes = 8;
using Element = Message<bytes>;
constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = true};

// Joined in the order of their lines: whom a reader follows is there before it.
template <class A>
std::vector<ring::Reader<Element, A>> join_all(RingInMemory<Element>& ring, const Followed& followed) {
  std::vector<ring::Reader<Element, A>> readers;
  for (std::size_t line = 0; line < followed.size(); ++line) {
    readers.push_back(*ring::Reader<Element, A>::join(ring.memory(), line, {.follows = followed[line]}, spins));
  }
  return readers;
}

// Each of the others reads until the number that ends the stream; it is 0 while the stream flows.
void read_to_the_end(ring::Reader<Element>& reader, StreamEnd& end) {
  Checker checker;
  while (checker.checked() == 0 || checker.checked() != Atomics::load_acquire(end.sent)) {
    static_cast<void>(take_available(reader, checker));
  }
  checker.expect_intact();
}

Sample measure(const Slice& slice, const std::vector<int>& cores, const Followed& followed) {
  RingInMemory<Element> ring(stream_ring_bytes / bytes, followed.size());
  auto joined = join_all<Atomics>(ring, followed);
  std::vector<std::unique_ptr<PeerProcess>> others;
  for (std::size_t line = 0; line + 1 < joined.size(); ++line) {
    others.push_back(
        std::make_unique<PeerProcess>(cores[line + 2], [&, line] { read_to_the_end(joined[line], ring.end()); }));
  }
  OtherSide source(Beside::process, cores[1], [&] {
    ring::Producer<Element> producer(ring.memory(), spins);
    run_source(ring.end(), [&](std::uint64_t first) { send_block<1>(producer, first); });
  });
  pin_to(cores[0]);
  Checker checker;
  Sample sample =
      time_stream(slice, ring.end(), source, checker, [&] { return take_available(joined.back(), checker); });
  for (const auto& other : others) {
    other->join();
  }
  return sample;
}

// All sides in one thread, on a small ring, so that every line has been used by everybody.
template <class A>
class Everybody {
public:
  explicit Everybody(const Followed& followed)
      : ring_(slots, followed.size()), producer_(ring_.memory(), spins), readers_(join_all<A>(ring_, followed)),
        checkers_(followed.size()) {}

  // One message, to see that who follows somebody gets it when all of those have released it, and not before.
  void expect_gated(const Followed& followed) {
    std::uint64_t first = 0;
    static_cast<void>(producer_.try_claim(1, first));
    producer_.slot(first).fill(first);
    producer_.publish(first + 1);
    for (std::size_t released = 0; released < readers_.size(); ++released) {
      for (std::size_t line = released; line < readers_.size(); ++line) {
        const bool is_held =
            std::ranges::any_of(followed[line], [&](std::uint32_t other) { return other >= released; });
        if (readers_[line].available_now() != (is_held ? 0 : 1)) {
          throw Error(ErrorCode::bad_message, "a reader does not see what those that it follows have released");
        }
      }
      checkers_[released].check(readers_[released].span(first, 1));
      static_cast<void>(readers_[released].release(1));
    }
    expect_intact(first + 1);
  }

  // `touched(core, slots, is_write)` is told of every access to slots.
  template <class Touched>
  void pass(std::uint64_t together, Touched&& touched) {
    touched(0, std::span<const Element>(), true);
    std::uint64_t first = 0;
    for (std::uint64_t i = 0; i < together; ++i) {
      static_cast<void>(producer_.try_claim(1, first)); // there is room: everybody has read everything
      producer_.slot(first).fill(first);
      touched(0, std::span<const Element>(&producer_.slot(first), 1), true);
      producer_.publish(first + 1);
    }
    for (unsigned line = 0; line < readers_.size(); ++line) {
      touched(line + 1, std::span<const Element>(), false);
      auto& reader = readers_[line];
      const auto available = reader.available();
      const auto messages = reader.span(reader.position(), available);
      checkers_[line].check(messages);
      touched(line + 1, messages, false);
      static_cast<void>(reader.release(available));
    }
  }
  void expect_intact(std::uint64_t passed) const {
    for (const Checker& checker : checkers_) {
      checker.expect_intact();
      if (checker.checked() != passed) {
        throw Error(ErrorCode::bad_message, "a reader has not seen every message");
      }
    }
  }

  static constexpr std::size_t slots = 256;

private:
  RingInMemory<Element> ring_;
  ring::Producer<Element, A> producer_;
  std::vector<ring::Reader<Element, A>> readers_;
  std::vector<Checker> checkers_;
};

constexpr std::uint64_t warm_up_messages = 2 * Everybody<Atomics>::slots;
constexpr std::uint64_t counted_messages = 64;

Sample count(const Followed& followed, std::uint64_t together) {
  Everybody<Atomics>(followed).expect_gated(followed);
  const auto ignore = [](unsigned, std::span<const Element>, bool) {};
  Everybody<Atomics> timed(followed);
  for (std::uint64_t i = 0; i < warm_up_messages; i += together) {
    timed.pass(together, ignore);
  }
  timed.expect_intact(warm_up_messages);
  const std::uint64_t instructions = count_instructions([&] {
    for (std::uint64_t i = 0; i < counted_messages; i += together) {
      timed.pass(together, ignore);
    }
  });

  LineModel& model = LineModel::get();
  const auto tell = [&](unsigned core, std::span<const Element> slots, bool is_write) {
    model.be_core(core);
    is_write ? model.write(slots.data(), slots.size_bytes()) : model.read(slots.data(), slots.size_bytes());
  };
  Everybody<CountingAtomics> modelled(followed);
  for (std::uint64_t i = 0; i < warm_up_messages; i += together) {
    modelled.pass(together, tell);
  }
  const std::uint64_t before = model.moves();
  for (std::uint64_t i = 0; i < counted_messages; i += together) {
    modelled.pass(together, tell);
  }
  modelled.expect_intact(warm_up_messages + counted_messages);

  Sample sample;
  constexpr auto messages = static_cast<double>(counted_messages);
  sample.facts["instructions_per_message"] = static_cast<double>(instructions) / messages;
  sample.facts["lines_per_message"] = static_cast<double>(model.moves() - before) / messages;
  return sample;
}

Row timed_row(const Options& options, const std::string& name, const Followed& followed) {
  const auto readers = followed.size();
  const Parameters parameters{{"bytes", std::to_string(bytes)}, {"readers", std::to_string(readers)}};
  std::vector<int> cores = usable_cores();
  if (cores.size() < readers + 1) {
    return missing_row(name, parameters,
                       fmt::format("needs {} cores, this process may use {}", readers + 1, cores.size()));
  }
  std::erase(cores, options.client_core);
  std::erase(cores, options.server_core);
  cores.insert(cores.begin(), {options.client_core, options.server_core});
  return {.name = name, .parameters = parameters, .measure = [=](const Slice& slice) {
            return measure(slice, cores, followed);
          }};
}

void add_rows(Experiment& experiment, const Options& options, const std::string& name, const Followed& followed) {
  experiment.add(timed_row(options, name, followed));
  for (const std::uint64_t together : {1U, 16U}) {
    experiment.add(counted_row(name + "_counted",
                               {{"bytes", std::to_string(bytes)},
                                {"readers", std::to_string(followed.size())},
                                {"together", std::to_string(together)}},
                               [=] { return count(followed, together); }));
  }
}

} // namespace

int run_broadcast(const char* name, unsigned readers_max, int argc, char** argv) {
  const Options options = parse_options(argc, argv, 2);
  Experiment experiment(name, options, floor_bounce());
  for (const unsigned readers : {1U, readers_max}) {
    add_rows(experiment, options, "ours", Followed(readers));
  }
  const auto ours = [](unsigned readers) { return fmt::format("ours@readers={}", readers); };
  experiment.add_ratio(ours(readers_max), ours(1), RatioKind::rate);
  return experiment.run();
}

int run_followers(const char* name, const Followed& followed, int argc, char** argv) {
  const Options options = parse_options(argc, argv, 2);
  Experiment experiment(name, options, floor_bounce());
  add_rows(experiment, options, "ours", followed);
  add_rows(experiment, options, "ours_free", Followed(followed.size()));
  experiment.add_ratio("ours", "ours_free", RatioKind::rate);
  return experiment.run();
}

} // namespace ringfleet::bench
