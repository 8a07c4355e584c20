// A member table whose lines say anything, under the producer of the ring: it is neither led out of its slots nor kept
// busy, and never overwrites what an honest reader beside the hostile ones has not released.

#include "ring_image.hpp"

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

using A = CountedAtomics;
constexpr std::size_t capacity = 16;

enum Step : std::uint8_t { scribbled, push, evict, polled, steps };

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  A::allow(10'000);
  RingImage<OneProducerWords, capacity> image(first_position(input));
  ring::Producer<FrameBlock, A> producer(image.memory(), spins);
  auto honest = *ring::Reader<FrameBlock, A>::join(image.memory(), 0, {}, spins);
  auto& readers = image.words().readers;
  const std::span hostile = std::as_writable_bytes(std::span(readers)).subspan(sizeof(readers[0]));
  std::uint64_t number = 0;
  std::uint64_t next = 0;
  while (!input.empty()) {
    A::allow(2'000);
    switch (input.take<std::uint8_t>() % steps) {
    case scribbled:
      scribble(hostile, input);
      image.words().joins.value += input.take<std::uint8_t>() % 2;
      break;
    case push: {
      std::uint64_t first = 0;
      const auto count = input.take<std::uint8_t>() % capacity + 1;
      if (producer.try_claim(count, first) == ring::ClaimResult::claimed) {
        for (std::uint64_t i = 0; i < count; ++i) {
          auto& slot = producer.slot(first + i);
          require(lies_in(std::as_bytes(std::span(&slot, 1)), image.slots()), "a claim lies in the slots");
          std::memcpy(&slot, &number, sizeof number);
          ++number;
        }
        producer.publish(first + count);
      }
      break;
    }
    case evict: (void)producer.evict(1 + input.take<std::uint8_t>() % 3, input.take<std::uint8_t>()); break;
    default: {
      const auto polled = honest.poll([&](const FrameBlock& block) {
        std::uint64_t found = 0;
        std::memcpy(&found, &block, sizeof found);
        require(found == next++, "an honest reader gets everything, in order");
      });
      require(polled.result != ring::ReadResult::evicted, "an honest reader is not evicted");
    }
    }
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  InputMaker input;
  input.add(std::uint8_t{3});
  for (std::uint8_t i = 0; i < 6; ++i) {
    input.add(push)
        .add(i)
        .add(polled)
        .add(scribbled)
        .add(std::uint8_t{3})
        .add(std::uint16_t(i * 64))
        .add(std::uint64_t{i});
    input.add(std::uint8_t{1}).add(evict).add(i).add(std::uint8_t{1});
  }
  return {input.make()};
}
