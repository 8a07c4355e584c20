// References to memory outside of the ring: loan records under both readers, and payload words of a lane, with a floor
// that changes at will. Whatever resolves lies in an open arena.

#include "input.hpp"
#include "ringfleet/frame/arena_views.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using frame::FrameBlock;

namespace {

constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};
constexpr std::uint64_t message_max = 700;

struct Reference {
  std::uint8_t arena;
  std::uint8_t high; // bits that mean nothing
  std::uint16_t offset;
  std::uint16_t bytes;
  std::uint16_t position;
  std::uint16_t floor;

  [[nodiscard]] frame::LoanRecord record() const {
    const auto word = frame::payload_word(arena, offset) ^ std::uint64_t{high} << 44;
    return {word, bytes == 0xffff ? ~std::uint64_t{0} : bytes, position};
  }
};

struct Ring {
  Ring() { ring::format_ring(memory()); }
  [[nodiscard]] ring::RingMemory<FrameBlock> memory() { return {producer, evicted, joins, lines, blocks}; }
  void put(const frame::LoanRecord& loan) {
    auto& block = blocks[cursor % blocks.size()];
    store_header(block, frame::header_of(cursor, frame::RecordForm::loan, sizeof loan, 1));
    store_part(block, loan);
    ++cursor;
    producer.limit.publish(cursor + blocks.size());
    producer.cursor.publish(cursor);
  }

  ring::ProducerLines producer{};
  std::array<std::uint64_t, 2> evicted{};
  ring::Sequence joins{};
  std::array<ring::ReaderLines, 2> lines{};
  std::array<FrameBlock, 16> blocks{};
  std::uint64_t cursor = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  // Sizes that are no multiple of anything: a reader looks at whole words, and at none beyond the end.
  const ExactMemory first(65 + input.take<std::uint16_t>() % 4'096);
  const ExactMemory second(65 + input.take<std::uint8_t>());
  frame::LoanViews loans;
  frame::ArenaViews payloads;
  (void)loans.open(1, first.span());
  (void)loans.open(16, second.span());
  (void)payloads.open(1, first.span());
  (void)payloads.open(16, second.span());
  Ring ring;
  const frame::ReaderOptions options{.max_message = message_max, .arenas = &loans};
  auto blocks = *ring::Reader<FrameBlock>::join(ring.memory(), 0, {}, spins);
  auto lossy_blocks = *ring::LossyReader<FrameBlock>::join(ring.memory(), 1, {}, spins);
  frame::FrameReader reader(blocks, options);
  frame::LossyFrameReader lossy(lossy_blocks, options);
  while (!input.empty()) {
    const auto reference = input.take<Reference>();
    const auto record = reference.record();
    for (const auto& memory : {first.span(), second.span()}) {
      reinterpret_cast<frame::ArenaLines*>(memory.data())->floor = reference.floor;
    }
    const auto check = [&](const frame::View& view) {
      touch(view.bytes);
      require(lies_in(view.bytes, first.span()) || lies_in(view.bytes, second.span()), "a loan lies in an arena");
    };
    if (const auto bytes = payloads.resolve(record.payload, record.bytes)) {
      check({*bytes});
    }
    ring.put(record);
    (void)reader.poll(check);
    require(reader.position() == ring.cursor, "a reader goes past a loan, whatever it says");
    frame::View copy;
    if (lossy.read(copy) == frame::ReadResult::message) {
      require(copy.bytes.size() == record.bytes && record.bytes <= message_max, "the whole loan is copied");
      touch(copy.bytes);
    }
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  const auto arenas = [] { return InputMaker().add(std::uint16_t{4'031}).add(std::uint8_t{63}); };
  return {arenas().add(Reference{1, 0, 64, 500, 64, 0}).add(Reference{16, 0, 64, 64, 0, 0}).make(),
          arenas().add(Reference{1, 0, 100, 33, 1, 64}).add(Reference{2, 0, 64, 64, 0, 0}).make(),
          arenas().add(Reference{1, 0, 0, 10, 9, 0}).add(Reference{16, 1, 127, 0xffff, 9, 0}).make()};
}
