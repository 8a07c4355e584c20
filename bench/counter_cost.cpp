// What counting adds to a message of a typed channel: published and read by one thread, so that nothing but the work
// itself is measured and no line has to move.
//
//   publish (encode in the claim) → poll (view in place) → release
//
// `without`: no counter file. `with`: the counters of both ends, as by default. `with_ages`: also the age of each
// message, on request: a clock read and a bucket.

#include "harness/experiment.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace ringfleet::bench {
namespace {

struct Quote {
  std::uint64_t number;
  MonotonicNs sent;
  std::array<std::uint64_t, 6> values;
};
static_assert(sizeof(Quote) == 64);

enum class Counting : std::uint8_t { none, counters, ages };

class Loop {
public:
  explicit Loop(Counting counting)
      : out_(memory::Place::heap("counter_cost"), publisher_options(counting)),
        in_(out_.frames().space().share(), subscriber_options(counting)) {}

  void pass() {
    quote_.number = ++number_;
    std::uint64_t got = 0;
    if (out_.publish(quote_) == channel::PublishResult::published) {
      (void)in_.poll([&](const Quote& quote) { got = quote.number; });
    }
    if (got != number_) {
      throw Error(ErrorCode::bad_message, "the message differs from what was sent");
    }
  }

private:
  static channel::PublisherOptions publisher_options(Counting counting) {
    channel::PublisherOptions options;
    options.counters = counting != Counting::none;
    return options;
  }
  static channel::SubscriberOptions subscriber_options(Counting counting) {
    channel::SubscriberOptions options;
    options.counters = counting != Counting::none;
    if (counting == Counting::ages) {
      options.sent_at = [](const frame::View& view) { return reinterpret_cast<const Quote*>(view.bytes.data())->sent; };
    }
    return options;
  }

  Publisher<Quote> out_;
  Subscriber<Quote> in_;
  Quote quote_{.number = 0, .sent = monotonic_now(), .values = {}};
  std::uint64_t number_ = 0;
};

Row row(std::string name, Counting counting) {
  return {.name = std::move(name),
          .parameters = {{"bytes", std::to_string(sizeof(Quote))}},
          .measure = [counting](const Slice& slice) {
            pin_to(slice.client_core);
            Loop loop(counting);
            constexpr unsigned block = 64;
            return time_blocks(slice, block, [&] { loop.pass(); });
          }};
}

} // namespace
} // namespace ringfleet::bench

int main(int argc, char** argv) {
  using namespace ringfleet::bench;
  Experiment experiment("counter_cost", parse_options(argc, argv, 1), row("without", Counting::none));
  for (Row row : {row("with", Counting::counters), row("with_ages", Counting::ages)}) {
    const std::string name = row.name;
    experiment.add(std::move(row));
    experiment.add_ratio(name, "without", RatioKind::time);
  }
  return experiment.run();
}
