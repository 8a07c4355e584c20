// Records of any bytes in a published ring, under a reliable and a lossy reader, changed between their looks.
// Whatever they hand out lies in the ring or in a buffer of theirs, and no look is longer than the ring. A reliable
// reader has a view of its own and poisons what it does not hold.

#include "../mirrored_memory.hpp"
#include "counted_atomics.hpp"
#include "input.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>
#include <optional>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using frame::FrameBlock;
using frame::ReadResult;
using frame::RecordForm;

namespace {

using A = CountedAtomics;
using Blocks = ring::Reader<FrameBlock, A>;
using LossyBlocks = ring::LossyReader<FrameBlock, A>;

constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};
constexpr frame::ReaderOptions small_reader{.max_message = 1'000, .assemblies = 2, .held_views = 3, .sole_user = true};

enum View : std::uint8_t { everybody, of_reader, of_newcomer, views };
constexpr std::uint64_t capacity_max = 64;

test::MirroredMemory& memory_of_all_runs() {
  static test::MirroredMemory memory(capacity_max * sizeof(FrameBlock), views);
  return memory;
}

enum Step : std::uint8_t { record, scribbled, moved_cursor, poll, lossy_read, take, release, newcomer, steps };

class Ring {
public:
  explicit Ring(Input& input)
      : capacity_(std::uint64_t{4} << input.take<std::uint8_t>() % 5), blocks_(memory_of_all_runs()) {
    blocks_.reset(static_cast<std::size_t>(capacity_) * sizeof(FrameBlock));
    constexpr std::uint64_t starts[] = {0, 64, (1ULL << 32) - 8, (1ULL << 63) - 8, (1ULL << 63) + 64};
    cursor_ = starts[input.take<std::uint8_t>() % std::size(starts)] & ~std::uint64_t{3};
    ring::format_ring(memory(), cursor_);
  }
  [[nodiscard]] ring::RingMemory<FrameBlock> memory(View view = everybody) {
    return {producer_, evicted_, joins_, lines_, {reinterpret_cast<FrameBlock*>(bytes(view).data()), capacity_}};
  }
  [[nodiscard]] std::span<std::byte> bytes(View view = everybody) const { return blocks_.view(view); }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

  // As a writer would put it, but with whatever form, length and parts the input says.
  void put_record(Input& input) {
    const auto form = static_cast<RecordForm>(input.take<std::uint8_t>() % 9);
    const auto length = input.take<std::uint16_t>();
    auto& block = memory().slots[cursor_ & (capacity_ - 1)];
    store_header(block, frame::header_of(cursor_, form, length, input.take<std::uint8_t>()));
    if (form >= RecordForm::first && form <= RecordForm::last) {
      const auto back = input.take<std::uint8_t>();
      store_part(block,
                 frame::FragmentHeader{cursor_ - back, input.take<std::uint16_t>(), input.take<std::uint16_t>()});
    } else if (form == RecordForm::aborted) {
      store_part(block, frame::AbortRecord{cursor_ - input.take<std::uint8_t>()});
    }
    move(frame::blocks_of(length));
  }
  void move(std::uint64_t blocks) {
    cursor_ += blocks;
    producer_.limit.publish(cursor_ + capacity_);
    producer_.cursor.publish(cursor_);
  }

private:
  std::uint64_t capacity_;
  test::MirroredMemory& blocks_;
  std::uint64_t cursor_ = 0;
  ring::ProducerLines producer_{};
  std::array<std::uint64_t, 4> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 4> lines_{};
};

class Readers {
public:
  explicit Readers(Ring& ring)
      : ring_(ring), blocks_(*Blocks::join(ring.memory(of_reader), 0, {}, spins)),
        lossy_blocks_(*LossyBlocks::join(ring.memory(), 1, {}, spins)), reader_(blocks_, small_reader),
        lossy_(lossy_blocks_, small_reader) {}

  void poll(std::uint64_t max) {
    allow();
    const auto before = reader_.position();
    const auto result = reader_.poll([&](const frame::View& view) { check(view, of_reader); }, max);
    require(result.messages <= ring_.capacity(), "no more messages than blocks");
    require(result.messages <= max, "no more messages than were asked for");
    require(reader_.position() - before <= ring_.capacity(), "a poll goes no further than a ring");
  }
  void lossy_read() {
    allow();
    frame::View view;
    if (lossy_.read(view) == ReadResult::message) {
      touch(view.bytes);
      require(view.bytes.size() <= std::max<std::uint64_t>(small_reader.max_message, ring_.bytes().size() / 4),
              "a copy is as long as the reader takes");
    }
  }
  void take() {
    allow();
    frame::View view;
    if (reader_.take(view) == ReadResult::message) {
      check(view, of_reader);
    }
    require(reader_.held() <= small_reader.held_views, "no more views are held than may be");
  }
  void release() {
    allow();
    if (reader_.held() != 0) {
      (void)reader_.release_held();
    }
  }
  void newcomer() {
    allow();
    if (auto blocks = Blocks::join(ring_.memory(of_newcomer), 2, {.from = ring::JoinFrom::oldest}, spins)) {
      frame::FrameReader<Blocks, A> reader(*blocks, small_reader);
      require(reader.position() - blocks->position() <= ring_.capacity(), "a newcomer begins in the ring");
      (void)reader.poll([&](const frame::View& view) { check(view, of_newcomer); });
    }
  }

private:
  // Joining may look at sixteen records from every block; a look at a record takes five loads, a copy eight.
  void allow() const { A::allow(ring_.capacity() * 16 * 8 + 1'000); }
  void check(const frame::View& view, View whose) const {
    touch(view.bytes);
    require(lies_in(view.bytes, ring_.bytes(whose)) || view.bytes.size() <= small_reader.max_message,
            "a view lies in the ring or in a buffer");
  }

  Ring& ring_;
  Blocks blocks_;
  LossyBlocks lossy_blocks_;
  frame::FrameReader<Blocks, A> reader_;
  frame::LossyFrameReader<LossyBlocks, A> lossy_;
};

class Seed {
public:
  Seed(std::uint8_t size, std::uint8_t start) { maker_.add(size).add(start); }
  Seed& put(RecordForm form, std::uint16_t length, std::uint8_t back = 0, std::uint16_t total = 0,
            std::uint16_t offset = 0) {
    maker_.add(record).add(form).add(length).add(std::uint8_t{7});
    if (form >= RecordForm::first && form <= RecordForm::last) {
      maker_.add(back).add(total).add(offset);
    } else if (form == RecordForm::aborted) {
      maker_.add(back);
    }
    return *this;
  }
  Seed& step(Step step, std::uint8_t argument = 0) {
    maker_.add(step);
    if (step == poll || step == moved_cursor) {
      maker_.add(argument);
    }
    return *this;
  }
  [[nodiscard]] Bytes make() const { return maker_.make(); }

private:
  InputMaker maker_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  A::allow(10'000);
  Ring ring(input);
  Readers readers(ring);
  while (!input.empty()) {
    switch (input.take<std::uint8_t>() % steps) {
    case record: ring.put_record(input); break;
    case scribbled: scribble(ring.bytes(), input); break;
    case moved_cursor: ring.move(static_cast<std::uint64_t>(std::int64_t{input.take<std::int8_t>()})); break;
    case poll: readers.poll(input.take<std::uint8_t>()); break;
    case lossy_read: readers.lossy_read(); break;
    case take: readers.take(); break;
    case release: readers.release(); break;
    default: readers.newcomer(); break;
    }
  }
  A::allow(10'000);
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  Seed whole(4, 0);
  for (int i = 0; i < 6; ++i) {
    whole.put(RecordForm::data, static_cast<std::uint16_t>(40 * i)).step(poll, 9).step(lossy_read);
  }
  Seed parts(4, 2);
  parts.put(RecordForm::first, 24 + 100, 0, 300, 0).put(RecordForm::middle, 24 + 100, 3, 300, 100);
  parts.put(RecordForm::last, 24 + 100, 6, 300, 200).step(poll, 9).step(lossy_read);
  Seed aborted(3, 4);
  aborted.put(RecordForm::first, 24 + 100, 0, 300, 0).put(RecordForm::aborted, 8, 3).step(poll, 9).step(lossy_read);
  Seed held(3, 1);
  held.put(RecordForm::data, 10).put(RecordForm::padding, 112).put(RecordForm::data, 20).step(take).step(take);
  held.step(release).step(newcomer).step(moved_cursor, 5).step(poll, 2);
  return {whole.make(), parts.make(), aborted.make(), held.make()};
}
