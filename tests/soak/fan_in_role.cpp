// One process that reads all open channels and waits for all of them at once. A channel whose producers are gone stays
// ready in such a wait: it is left out until somebody publishes there again.

#include "reader_handle.hpp"

#include "ringfleet/ring/fan_in.hpp"

#include <array>
#include <memory>
#include <optional>

namespace ringfleet::soak {
namespace {

using channel::WaitResult;

struct Source {
  virtual ~Source() = default;
  virtual void add_to(ring::FanIn& fan_in) = 0;
  virtual frame::PollResult read() = 0;
  // A wait for it skips claims that were aborted.
  virtual void note_place() = 0;
  // Somebody publishes; false also after `patience` in vain.
  virtual bool is_produced(Nanoseconds patience) = 0;
  virtual void leave() = 0;
};

template <class Subscriber>
struct SourceOf final : Source {
  SourceOf(const Part& part, Ledger& its_ledger, std::uint64_t channel)
      : ledger(its_ledger), reader(part, its_ledger, channel, fan_in_reader) {}
  void add_to(ring::FanIn& fan_in) override { fan_in.add(reader.in().frames().ring()); }
  frame::PollResult read() override { return read_some(reader.in(), reader.reading(), batch); }
  void note_place() override { reader.reading().came_to(reader.in().position()); }
  bool is_produced(Nanoseconds patience) override {
    const auto answer = reader.in().wait_for_publisher(deadline_after(monotonic_now(), patience));
    if (answer != WaitResult::ready && answer != WaitResult::timed_out) {
      complain(ledger, std::string("the fan-in waits for a producer and is told ") + to_string(answer));
    }
    return answer == WaitResult::ready;
  }
  void leave() override { reader.in().leave(); }

  Ledger& ledger;
  ReliableReader<Subscriber> reader;
};

class Channels {
public:
  Channels(const Part& part, Ledger& ledger) : ledger_(ledger) {
    for (std::size_t channel = 0; channel < open_channels; ++channel) {
      sources_[channel] = as_reader_of(channel_plans[channel],
                                       [&]<class S>(std::type_identity<S> /*its type*/) -> std::unique_ptr<Source> {
                                         return std::make_unique<SourceOf<S>>(part, ledger, channel);
                                       });
    }
    is_there_.fill(true);
  }

  // Whatever comes first; at most a moment.
  void read() {
    look_for_producers();
    if (!fan_in_) {
      wait_for_all();
    }
    if (waited_for_ == 0) {
      (void)sources_.front()->is_produced(std::chrono::milliseconds(20));
      return;
    }
    const auto ready = fan_in_->wait(in_a_moment());
    for (auto& source : sources_) {
      source->note_place();
    }
    if (ready.result == ring::BarrierResult::timed_out) {
      return;
    }
    const auto channel = channels_[ready.index];
    const auto polled = sources_[channel]->read();
    const bool is_over = polled.ended == frame::ReadResult::detached;
    // Of the others a claim may have been aborted meanwhile, or a part of a message read.
    if (channel_plans[channel].is_dense() && polled.messages == 0 && !is_over) {
      complain(ledger_, "channel " + std::to_string(channel) + " was ready, and there was nothing to read");
    }
    if (is_over && polled.messages == 0 && !sources_[channel]->is_produced(Nanoseconds::zero())) {
      is_there_[channel] = false;
      fan_in_.reset();
    }
  }
  void leave() {
    fan_in_.reset();
    for (auto& source : sources_) {
      source->leave();
    }
  }

private:
  void look_for_producers() {
    for (std::size_t channel = 0; channel < open_channels; ++channel) {
      if (!is_there_[channel] && sources_[channel]->is_produced(Nanoseconds::zero())) {
        is_there_[channel] = true;
        fan_in_.reset();
      }
    }
  }
  void wait_for_all() {
    fan_in_.emplace();
    waited_for_ = 0;
    for (std::size_t channel = 0; channel < open_channels; ++channel) {
      if (is_there_[channel]) {
        sources_[channel]->add_to(*fan_in_);
        channels_[waited_for_++] = channel;
      }
    }
  }

  Ledger& ledger_;
  std::array<std::unique_ptr<Source>, open_channels> sources_;
  std::array<bool, open_channels> is_there_{};
  std::optional<ring::FanIn> fan_in_;
  std::array<std::size_t, open_channels> channels_{}; // by their numbers in the wait
  std::size_t waited_for_ = 0;
};

} // namespace

int play_fan_in(const Part& part, Ledger& ledger) {
  Channels channels(part, ledger);
  while (Ledger::of(ledger.order.load()) != Order::end) {
    channels.read();
  }
  channels.leave();
  return 0;
}

} // namespace ringfleet::soak
