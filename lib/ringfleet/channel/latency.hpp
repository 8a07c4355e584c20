#pragma once

// How old messages are when their handler gets them, on request: a histogram of the reading thread, its quantiles shown
// in the counter file. The sending time comes from the message itself, so nothing is stored for who does not ask.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/channel/channel_counters.hpp"
#include "ringfleet/counter/histogram.hpp"
#include "ringfleet/frame/view.hpp"

#include <cstdint>
#include <functional>

namespace ringfleet::channel {

// By monotonic_now() of this machine; a message without one: `never`, and it is not counted.
using SentAt = std::function<MonotonicNs(const frame::View&)>;

class Latency {
public:
  Latency(CounterFile& file, SentAt sent_at)
      : sent_at_(std::move(sent_at)), count_(file.counter("latency.count")), p50_(file.gauge("latency.p50_ns")),
        p99_(file.gauge("latency.p99_ns")), p999_(file.gauge("latency.p999_ns")), max_(file.gauge("latency.max_ns")) {}

  // One clock read a message.
  void record(const frame::View& view) {
    const auto sent = sent_at_(view);
    if (sent == never) {
      return;
    }
    const auto now = monotonic_now();
    histogram_.record(now > sent ? now - sent : 0);
    if (++unshown_ == show_after) {
      show();
    }
  }
  // Brings the counter file up to date. Some microseconds.
  void show() noexcept {
    if (unshown_ == 0) {
      return;
    }
    unshown_ = 0;
    count_.set(histogram_.count());
    p50_.set(histogram_.quantile(0.5));
    p99_.set(histogram_.quantile(0.99));
    p999_.set(histogram_.quantile(0.999));
    max_.set(histogram_.max());
  }

  [[nodiscard]] const counter::Histogram& histogram() const noexcept { return histogram_; }

private:
  static constexpr std::uint32_t show_after = 4'096;

  SentAt sent_at_;
  counter::Histogram histogram_;
  std::uint32_t unshown_ = 0;
  counter::Counter count_;
  counter::Counter p50_;
  counter::Counter p99_;
  counter::Counter p999_;
  counter::Counter max_;
};

} // namespace ringfleet::channel
