// What counting adds to a message of a typed channel.
//
//   publish (encode in the claim) → poll (view in place) → release
//
// `without`: no counter file. `with`: the counters of both ends, as by default. `with_ages`: also the age of each
// message, on request: a clock read and a bucket. These three by one thread, so that nothing but the work itself is
// measured and no line has to move. `stream_…`: as many messages as get from one thread to another, on two cores.

#include "harness/experiment.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"
#include "stream/stream.hpp"

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

channel::PublisherOptions publisher_options(Counting counting) {
  channel::PublisherOptions options;
  options.counters = counting != Counting::none;
  return options;
}
channel::SubscriberOptions subscriber_options(Counting counting) {
  channel::SubscriberOptions options;
  options.counters = counting != Counting::none;
  if (counting == Counting::ages) {
    options.sent_at = [](const frame::View& view) { return reinterpret_cast<const Quote*>(view.bytes.data())->sent; };
  }
  return options;
}

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

// The reader's account of quotes 0, 1, 2, …
struct Order {
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;

  void check(const Quote& quote) noexcept { wrong |= quote.number ^ next++; }
  [[nodiscard]] std::uint64_t checked() const noexcept { return next; }
  void expect_intact() const {
    if (wrong != 0) {
      throw Error(ErrorCode::bad_message, "the stream differs from what was sent");
    }
  }
};

Sample stream(const Slice& slice, Counting counting) {
  Publisher<Quote> out(memory::Place::heap("counter_cost"), publisher_options(counting));
  Subscriber<Quote> in(out.frames().space().share(), subscriber_options(counting));
  SharedMemory memory(sizeof(StreamEnd));
  auto& end = memory.as<StreamEnd>();
  OtherSide source(Beside::thread, slice.server_core, [&] {
    Quote quote{.number = 0, .sent = 0, .values = {}};
    run_source(end, [&](std::uint64_t first) {
      for (quote.number = first; quote.number != first + stream_block; ++quote.number) {
        if (out.publish(quote) != channel::PublishResult::published) {
          throw Error(ErrorCode::wrong_state, "the publisher refused a message");
        }
      }
    });
  });
  pin_to(slice.client_core);
  Order order;
  return time_stream(slice, end, source, order, [&]() -> std::uint64_t {
    const std::uint64_t before = order.checked();
    (void)in.poll([&](const Quote& quote) { order.check(quote); });
    return order.checked() - before;
  });
}

Row stream_row(std::string name, Counting counting) {
  return {.name = std::move(name),
          .parameters = {{"bytes", std::to_string(sizeof(Quote))}},
          .measure = [counting](const Slice& slice) { return stream(slice, counting); }};
}

} // namespace
} // namespace ringfleet::bench

int main(int argc, char** argv) {
  using namespace ringfleet::bench;
  Experiment experiment("counter_cost", parse_options(argc, argv, 2), row("without", Counting::none));
  for (Row row : {row("with", Counting::counters), row("with_ages", Counting::ages)}) {
    const std::string name = row.name;
    experiment.add(std::move(row));
    experiment.add_ratio(name, "without", RatioKind::time);
  }
  experiment.add(stream_row("stream_without", Counting::none));
  experiment.add(stream_row("stream_with", Counting::counters));
  experiment.add_ratio("stream_with", "stream_without", RatioKind::rate);
  return experiment.run();
}
