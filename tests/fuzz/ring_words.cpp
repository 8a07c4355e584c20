// A whole ring whose words say anything and change between the looks of its readers: ring readers, frame readers, lossy
// ones and newcomers, with one producer or many. What they hand out lies in the slots, a look takes no more than a ring
// has, and nobody is kept busy.

#include "ring_image.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/ring/shared_producer.hpp"

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

using A = CountedAtomics;
constexpr std::size_t capacity = 16;
constexpr frame::ReaderOptions small_reader{.max_message = 600, .held_views = 2};

enum Step : std::uint8_t { words, slots, publish, claim, poll, polled_frames, lossy, newcomer, available, steps };

// Every block may be looked at some times in a call, from each of them some chain of records, with up to nine words.
void allow_one_call() {
  A::allow(capacity * 16 * 10 + 1'000);
}

template <class Image, class Reader, class Lossy>
class ReadersOf {
public:
  explicit ReadersOf(Image& image)
      : image_(image), reader_(join(0)), blocks_(join(1)), frames_(blocks_, small_reader),
        lossy_blocks_(*Lossy::join(image.memory(), 3, {}, spins)), lossy_frames_(lossy_blocks_, small_reader) {}

  void poll(std::uint64_t max) {
    std::uint64_t seen = 0;
    const auto polled = reader_.poll(
        [&](const FrameBlock& block) {
          check(std::as_bytes(std::span(&block, 1)));
          ++seen;
        },
        max);
    require(polled.count == seen && seen <= capacity && seen <= max, "a poll gives no more than a ring has");
  }
  void available() {
    const auto count = reader_.available();
    require(count <= capacity, "no more is there than a ring has");
    const auto first = reader_.span(reader_.position(), count);
    require(lies_in(std::as_bytes(first), image_.slots()), "a span lies in the slots");
    (void)reader_.release(count / 2);
  }
  void polled_frames() {
    const auto result = frames_.poll([&](const frame::View& view) { check(view.bytes); });
    require(result.messages <= capacity, "no more messages than blocks");
  }
  void lossy() {
    frame::View view;
    if (lossy_frames_.read(view) == frame::ReadResult::message) {
      touch(view.bytes);
    }
  }
  void newcomer(ring::JoinFrom from, std::uint64_t position) {
    if (auto joined = Reader::join(image_.memory(), 2, {.from = from, .position = position}, spins)) {
      frame::FrameReader<Reader, A> reader(*joined, small_reader);
      (void)reader.poll([&](const frame::View& view) { check(view.bytes); });
      require(joined->available() <= capacity, "a newcomer sees no more than a ring has");
    }
    if (auto joined = Lossy::watch(image_.memory(), {.from = from, .position = position}, spins)) {
      require(joined->poll([](const FrameBlock& block) { touch(std::as_bytes(std::span(&block, 1))); }).count <=
                      capacity ||
                  joined->lost() != 0,
              "a lossy newcomer sees no more than a ring has");
    }
  }

private:
  Reader join(std::size_t line) { return *Reader::join(image_.memory(), line, {}, spins); }
  void check(std::span<const std::byte> bytes) const {
    touch(bytes);
    require(lies_in(bytes, image_.slots()) || bytes.size() <= small_reader.max_message,
            "a view lies in the slots or in a buffer");
  }

  Image& image_;
  Reader reader_;
  Reader blocks_;
  frame::FrameReader<Reader, A> frames_;
  Lossy lossy_blocks_;
  frame::LossyFrameReader<Lossy, A> lossy_frames_;
};

template <class Image, class Readers>
void run_step(Step step, Image& image, Readers& readers, Input& input) {
  switch (step) {
  case words: scribble(image.bytes_of_words(), input); break;
case slots: scribble(image.slots(), input); break;
  case poll: readers.poll(input.take<std::uint8_t>()); break;
  case polled_frames: readers.polled_frames(); break;
  case available: readers.available(); break;
  case lossy: readers.lossy(); break;
  case newcomer: {
    const auto from = static_cast<ring::JoinFrom>(input.take<std::uint8_t>() % 3);
    readers.newcomer(from, input.take<std::uint64_t>());
    break;
  }
  default: break;
  }
}

void with_one_producer(Input& input) {
  using Image = RingImage<OneProducerWords, capacity>;
  Image image(first_position(input));
  ReadersOf<Image, ring::Reader<FrameBlock, A>, ring::LossyReader<FrameBlock, A>> readers(image);
  while (!input.empty()) {
    allow_one_call();
    const auto step = static_cast<Step>(input.take<std::uint8_t>() % steps);
    if (step == publish || step == claim) {
      auto& producer = image.words().producer;
      const auto begin = producer.cursor.value;
      const auto blocks = input.take<std::uint8_t>() % (capacity / 4) + 1;
      const auto index = begin % capacity;
      const auto length = std::min<std::uint64_t>(blocks, capacity - index) * sizeof(FrameBlock);
      store_header(image.memory().slots[index], frame::header_of(begin, frame::RecordForm::data, length - 16, 1));
      producer.limit.publish(begin + blocks + capacity);
      producer.cursor.publish(begin + blocks);
    } else {
      run_step(step, image, readers, input);
    }
  }
}

void with_many_producers(Input& input) {
  using Image = RingImage<ManyProducersWords<capacity>, capacity>;
  Image image(first_position(input));
  ReadersOf<Image, ring::SharedReader<FrameBlock, A>, ring::SharedLossyReader<FrameBlock, A>> readers(image);
  while (!input.empty()) {
    allow_one_call();
    const auto step = static_cast<Step>(input.take<std::uint8_t>() % steps);
    if (step == publish || step == claim) {
      auto& shared = image.words().shared;
      const auto begin = shared.finished;
      const auto length = input.take<std::uint8_t>() % (capacity / 4) + 1;
      const auto fate = static_cast<ring::Fate>(step == publish ? 2 : input.take<std::uint8_t>() % 4);
      const ring::Claim made{.begin = begin, .length = length, .owner = 1, .fate = fate};
      image.words().descriptors[begin % capacity] = ring::descriptor_of(made, image.memory().lines().lap(begin));
      store_header(image.memory().slots[begin % capacity],
                   frame::header_of(begin, frame::RecordForm::data, length * sizeof(FrameBlock) - 16, 1));
      shared.tail = ring::tail_word(made);
      shared.finished = begin + length;
      shared.granted = shared.limit = begin + length + capacity;
    } else {
      run_step(step, image, readers, input);
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  A::allow(10'000);
  if (input.take<std::uint8_t>() % 2 == 0) {
    with_one_producer(input);
  } else {
    with_many_producers(input);
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  std::vector<Bytes> all;
  for (const bool many : {false, true}) {
    for (const int start : {0, 3, 8}) {
      InputMaker input;
      input.add(many).add(static_cast<std::uint8_t>(start));
      for (std::uint8_t blocks = 0; blocks < 8; ++blocks) {
        input.add(publish).add(blocks).add(poll).add(std::uint8_t{20}).add(polled_frames);
        input.add(blocks % 2 == 0 ? available : lossy)
            .add(newcomer)
            .add(std::uint8_t(blocks % 3))
            .add(std::uint64_t{blocks});
      }
      all.push_back(input.make());
    }
  }
  all.push_back(InputMaker()
                    .add(std::uint8_t{1})
                    .add(std::uint8_t{0})
                    .add(claim)
                    .add(std::uint8_t{2})
                    .add(std::uint8_t{3})
                    .add(publish)
                    .add(std::uint8_t{1})
                    .add(poll)
                    .add(std::uint8_t{9})
                    .make());
  return all;
}
