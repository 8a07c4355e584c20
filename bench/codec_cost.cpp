// What a codec adds to a message of 592 bytes: written into a frame ring and read from it by one thread, so that
// nothing but the work itself is measured.
//
//   claim → encode → commit → poll → decode or view → look at first and last → release
//
// `floor_frame`: the bytes are copied in and looked at in place, without any codec. `ours_raw`: the raw codec, encoded
// into the claim, viewed in place. `ours_emplace`: constructed in the claim, viewed in place. `ours_flatbuffers`: built
// into the claim, verified and viewed in place. `ours_cereal`: encoded, and decoded into an object that exists. Each
// row says how often it allocates for a message.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"
#include "peers/missing.hpp"
#include "stream/ring_memory.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/codec/raw.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>

#if RINGFLEET_BENCH_CEREAL
#include "ringfleet/codec/cereal.hpp"

#include <cereal/types/vector.hpp>
#endif
#if RINGFLEET_BENCH_FLATBUFFERS
#include "book_bfbs_generated.h"
#include "book_generated.h"
#include "ringfleet/codec/flatbuffers.hpp"

template <>
struct ringfleet::codec::Codec<ringfleet::bench::table::Book>
    : FlatbuffersCodec<ringfleet::bench::table::Book, ringfleet::bench::table::BookBinarySchema> {};
#endif

namespace {

std::uint64_t allocations = 0; // one thread

} // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace ringfleet::bench {
namespace {

constexpr std::size_t levels_total = 36;

struct Level {
  double price;
  double size;
};
struct Book {
  std::uint64_t sequence;
  std::uint64_t venue;
  std::array<Level, levels_total> levels;
};
static_assert(sizeof(Book) == 592);

Book make_book() {
  Book book{.sequence = 0, .venue = 7, .levels = {}};
  for (std::size_t i = 0; i < levels_total; ++i) {
    book.levels[i] = {static_cast<double>(i), 1.0};
  }
  return book;
}
constexpr double last_price = levels_total - 1;

using Block = frame::FrameBlock;

// A frame ring whose writer and reader are the same thread.
class Loop {
public:
  Loop()
      : ring_(1'024, 1), producer_(ring_.memory(), spins),
        blocks_(*ring::Reader<Block>::join(ring_.memory(), 0, {}, spins)), writer_(producer_), reader_(blocks_) {}

  // `write(claimed bytes)` returns the part that is the message; `read(bytes)` the number in it.
  template <class Write, class Read>
  void pass(std::size_t bound, std::uint64_t number, Write&& write, Read&& read) {
    auto claim = writer_.claim(bound);
    claim.commit(std::span<const std::byte>(write(claim.bytes())));
    std::uint64_t got = ~number;
    static_cast<void>(reader_.poll([&](const frame::View& view) { got = read(view.bytes); }));
    if (got != number) {
      throw Error(ErrorCode::bad_message, "the message differs from what was sent");
    }
  }

private:
  static constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};
  RingInMemory<Block> ring_;
  ring::Producer<Block> producer_;
  ring::Reader<Block> blocks_;
  frame::FrameWriter<ring::Producer<Block>> writer_;
  frame::FrameReader<ring::Reader<Block>> reader_;
};

// `pass(loop, number)` sends and receives one message.
template <class Pass>
Row row(std::string name, Pass pass) {
  return {.name = std::move(name),
          .parameters = {{"bytes", std::to_string(sizeof(Book))}},
          .measure = [pass](const Slice& slice) {
            pin_to(slice.client_core);
            Loop loop;
            std::uint64_t number = 0;
            std::uint64_t allocations_before = 0;
            std::uint64_t number_before = 0;
            constexpr unsigned block = 16;
            auto one = pass;
            one(loop, ++number);
            allocations_before = allocations;
            number_before = number;
            Sample sample = time_blocks(slice, block, [&] { one(loop, ++number); });
            sample.facts["allocations_per_message"] =
                static_cast<double>(allocations - allocations_before) / static_cast<double>(number - number_before);
            return sample;
          }};
}

Row without_codec() {
  return row("floor_frame", [book = make_book()](Loop& loop, std::uint64_t number) mutable {
    book.sequence = number;
    loop.pass(
        sizeof book, number,
        [&](std::span<std::byte> out) {
          std::memcpy(out.data(), &book, sizeof book);
          return out;
        },
        [](std::span<const std::byte> in) {
          const auto* bytes = reinterpret_cast<const Book*>(in.data());
          return bytes->levels.back().price == last_price ? bytes->sequence : 0;
        });
  });
}

template <class T>
std::uint64_t number_in(const T* book) {
  return book != nullptr && book->levels.back().price == last_price ? book->sequence : 0;
}

using RawBook = codec::Codec<Book>;

Row raw() {
  return row("ours_raw", [book = make_book()](Loop& loop, std::uint64_t number) mutable {
    book.sequence = number;
    loop.pass(
        RawBook::bound(book), number, [&](std::span<std::byte> out) { return *RawBook::encode(book, out); },
        [](std::span<const std::byte> in) { return number_in(RawBook::view(in)); });
  });
}

Row emplace() {
  return row("ours_emplace", [prices = make_book().levels](Loop& loop, std::uint64_t number) {
    loop.pass(
        sizeof(Book), number,
        [&](std::span<std::byte> out) {
          Book* book = RawBook::emplace(out);
          book->sequence = number;
          book->venue = 7;
          book->levels = prices;
          return out;
        },
        [](std::span<const std::byte> in) { return number_in(RawBook::view(in)); });
  });
}

#if RINGFLEET_BENCH_FLATBUFFERS
Row flatbuffers_table() {
  using TableCodec = codec::Codec<table::Book>;
  return row("ours_flatbuffers", [book = make_book()](Loop& loop, std::uint64_t number) {
    const auto build = [&](flatbuffers::FlatBufferBuilder& builder) {
      const auto levels =
          builder.CreateVectorOfStructs(reinterpret_cast<const table::Level*>(book.levels.data()), levels_total);
      return table::CreateBook(builder, number, book.venue, levels);
    };
    loop.pass(
        1'024, number, [&](std::span<std::byte> out) { return *TableCodec::encode(build, out); },
        [](std::span<const std::byte> in) -> std::uint64_t {
          const table::Book* seen = TableCodec::view(in);
          return seen != nullptr && seen->levels()->Get(levels_total - 1)->price() == last_price ? seen->sequence() : 0;
        });
  });
}
#else
Row flatbuffers_table() {
  return missing_row("ours_flatbuffers", {}, "built without flatbuffers (libflatbuffers-dev, flatbuffers-compiler)");
}
#endif

#if RINGFLEET_BENCH_CEREAL
struct CerealLevel {
  double price = 0;
  double size = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(price, size);
  }
};
struct CerealBook {
  std::uint64_t sequence = 0;
  std::uint64_t venue = 0;
  std::vector<CerealLevel> levels;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, venue, levels);
  }
};

Row cereal_object() {
  using ObjectCodec = codec::CerealCodec<CerealBook>;
  CerealBook book{.sequence = 0, .venue = 7, .levels = {}};
  for (const Level& level : make_book().levels) {
    book.levels.push_back({level.price, level.size});
  }
  return row("ours_cereal", [book, into = CerealBook()](Loop& loop, std::uint64_t number) mutable {
    book.sequence = number;
    loop.pass(
        ObjectCodec::bound(book), number, [&](std::span<std::byte> out) { return *ObjectCodec::encode(book, out); },
        [&](std::span<const std::byte> in) { return ObjectCodec::decode(in, into) ? number_in(&into) : 0; });
  });
}
#else
Row cereal_object() {
  return missing_row("ours_cereal", {}, "built without cereal (libcereal-dev)");
}
#endif

} // namespace
} // namespace ringfleet::bench

int main(int argc, char** argv) {
  using namespace ringfleet::bench;
  Experiment experiment("codec_cost", parse_options(argc, argv, 1), without_codec());
  for (Row row : {raw(), emplace(), flatbuffers_table(), cereal_object()}) {
    const std::string name = row.name;
    experiment.add(std::move(row));
    experiment.add_ratio(name, "floor_frame", RatioKind::time);
  }
  return experiment.run();
}
