// What a lossy reader is told it missed, of messages in fragments. // T9

#include "channel_fixture.hpp"

#include "ringfleet/frame/record.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

// A message of several blocks, each a fragment, that is written bit by bit, so that others come between.
class SlowMessage {
public:
  explicit SlowMessage(SharedFramePublisher& out) : out_(out) {}

  void write(frame::RecordForm form) {
    constexpr std::uint64_t part = 8;
    constexpr std::uint64_t parts = 3;
    std::uint64_t first = 0;
    REQUIRE(out_.ring().try_claim(1, first) == ring::ClaimResult::claimed);
    message_ = form == frame::RecordForm::first ? first : message_;
    auto& block = out_.ring().slot(first);
    frame::store_header<Atomics>(block, frame::header_of(first, form, sizeof(frame::FragmentHeader) + part, 0));
    frame::store_part<frame::FragmentHeader, Atomics>(
        block, {.message = message_, .total = parts * part, .offset = part * written_++});
    out_.ring().publish(first, 1);
  }

private:
  SharedFramePublisher& out_;
  std::uint64_t message_ = 0;
  std::uint64_t written_ = 0;
};

} // namespace

TEST_CASE("lossy subscriber: a message that was begun when it was lapped is told by missed(), whoever overtook it") {
  using frame::RecordForm;
  const ScratchChannel channel;
  SharedFramePublisher out(channel.place(), small_ring()); // 64 blocks
  SharedFramePublisher quick(channel.place(), small_ring());
  SharedLossyFrameSubscriber in(channel.place());
  SlowMessage slow(out);
  const std::array<std::byte, 8> one_block{};
  std::uint64_t read = 0;
  const auto read_all = [&] {
    frame::PollResult polled;
    do {
      polled = in.poll([&](const frame::View&) { ++read; });
    } while (polled.ended != frame::ReadResult::empty);
  };
  slow.write(RecordForm::first);
  read_all();
  CHECK(read == 0);
  constexpr std::uint64_t published = 100;
  for (std::uint64_t i = 0; i < published; ++i) {
    REQUIRE(quick.publish(one_block) == PublishResult::published);
  }
  read_all();
  CHECK(in.missed() > 0);
  CHECK(read + in.missed() == published);
  slow.write(RecordForm::middle);
  slow.write(RecordForm::last);
  REQUIRE(quick.publish(one_block) == PublishResult::published);
  read_all();
  CHECK(read + in.missed() == published + 1 + 2);

  SlowMessage before(out);
  before.write(RecordForm::first);
  SharedLossyFrameSubscriber newcomer(channel.place()); // in the middle of it: that is not what it came for
  before.write(RecordForm::middle);
  before.write(RecordForm::last);
  CHECK(newcomer.poll([](const frame::View&) {}).messages == 0);
  CHECK(newcomer.missed() == 0);
}
