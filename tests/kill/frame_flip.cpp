// Readers of rings and of frames while a hostile writer changes what they read, after each of their instructions.
// fault 21.

#include "flip.hpp"
#include "message.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::frame;

namespace {

constexpr std::uint64_t slots = 8;
constexpr std::uint64_t max_message = 512;
constexpr std::size_t arena_bytes = sizeof(ArenaLines) + 1'024;
constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};

// What the readers write is theirs; everything else belongs to the writer.
struct OwnLines {
  std::array<std::uint64_t, 2> evicted;
  alignas(cache_line_pair_bytes) ring::Sequence joins;
  std::array<ring::ReaderLines, 2> readers;
};

template <class Unit>
class OneProducer {
public:
  explicit OneProducer(std::uint64_t first) {
    ring::format_ring(memory(), first);
    producer.emplace(memory(), spins);
  }
  [[nodiscard]] ring::RingMemory<Unit> memory() {
    return {lines_.at<ring::ProducerLines>(), own_.evicted, own_.joins, own_.readers,
            std::span(&units.at<Unit>(), slots)};
  }
  [[nodiscard]] std::uint64_t producer_end() const { return lines_.at<ring::ProducerLines>().cursor.value; }
  void add_fields(std::vector<Field>& fields) {
    auto& lines = lines_.at<ring::ProducerLines>();
    fields.insert(fields.end(), {lines.cursor.value, lines.limit.value, lines.closed, own_.evicted[0]});
  }

private:
  Guarded lines_{sizeof(ring::ProducerLines)};
  OwnLines own_{};

public:
  Guarded units{slots * sizeof(Unit)};
  std::optional<ring::Producer<Unit>> producer;
};

template <class Unit>
class ManyProducers {
public:
  explicit ManyProducers(std::uint64_t first) {
    ring::format_ring(memory(), first);
    producer = ring::SharedProducer<Unit>::join(memory(), 1, [](std::uint64_t) { return false; }, spins);
  }
  [[nodiscard]] ring::SharedRingMemory<Unit> memory() {
    return {lines_.at<ring::SharedLines>(),
            owners_.at<ring::OwnerTable>(),
            std::span(&descriptors_.at<std::uint64_t>(), slots),
            own_.evicted,
            own_.joins,
            own_.readers,
            std::span(&units.at<Unit>(), slots)};
  }
  [[nodiscard]] std::uint64_t producer_end() { return ring::latest_claim(memory().lines()).end(); }
  void add_fields(std::vector<Field>& fields) {
    auto& lines = lines_.at<ring::SharedLines>();
    fields.insert(fields.end(),
                  {lines.tail, lines.granted, lines.limit, lines.finished, lines.closed, own_.evicted[0]});
    for (auto& descriptor : std::span(&descriptors_.at<std::uint64_t>(), slots)) {
      fields.emplace_back(descriptor);
    }
  }

private:
  Guarded lines_{sizeof(ring::SharedLines)};
  Guarded owners_{sizeof(ring::OwnerTable)};
  Guarded descriptors_{slots * sizeof(std::uint64_t)};
  OwnLines own_{};

public:
  Guarded units{slots * sizeof(Unit)};
  std::optional<ring::SharedProducer<Unit>> producer; // leaves before its memory goes
};

// Messages of each form, as far as the ring takes them: at the end of the ring, in fragments, lent; or such that one
// byte more is one block more, when what is published is known because only the headers lie.
enum class Content : std::uint8_t { small, wrapping, fragments, lent, exact };

template <class Ring>
class FrameVictim : public Victim {
public:
  explicit FrameVictim(std::uint64_t first) : ring_(first), first_(first) { (void)views_.open(1, arena_.bytes()); }

  std::vector<Field> fields() override {
    std::vector<Field> fields;
    if (!only_headers_lie_) {
      ring_.add_fields(fields);
    }
    // The headers of all records, and of those with a structure the words behind.
    const std::size_t words = is_structured_ ? 5 : 2;
    for (auto position = first_; position != ring_.producer_end();) {
      auto& block = ring_.units.template at<FrameBlock>(sizeof(FrameBlock) * (position & (slots - 1)));
      for (std::size_t word = 0; word < words; ++word) {
        fields.emplace_back(frame::detail::word_of(block, word));
      }
      position += blocks_of(load_header(block).length);
    }
    if (is_structured_) {
      fields.emplace_back(arena_.at<ArenaLines>().floor);
    }
    return fields;
  }

protected:
  // When the reader is there.
  void fill(Content content) {
    is_structured_ = content == Content::fragments || content == Content::lent;
    only_headers_lie_ = content == Content::exact;
    // An arena has one writer.
    constexpr bool lends = std::is_same_v<Ring, OneProducer<FrameBlock>>;
    FrameWriter<std::remove_reference_t<decltype(*ring_.producer)>> writer(
        *ring_.producer, {.max_message = max_message, .arena = lends ? &loans_ : nullptr});
    const std::array<std::byte, max_message> bytes{std::byte{1}};
    const auto write = [&](std::size_t length) { (void)writer.write(std::span(bytes).first(length)); };
    switch (content) {
    case Content::small:
      write(20);
      write(0);
      write(100);
      break;
    case Content::wrapping:
      write(100);
      write(100);
      break;
    case Content::fragments: write(200); break;
    case Content::exact:
      write(2 * block_bytes - record_header_bytes);
      write(block_bytes - record_header_bytes);
      break;
    case Content::lent:
      if (auto loan = writer.loan(200)) {
        (void)loan.commit(200);
      }
      write(20);
    }
  }

  // In place in the ring or in the arena; or in memory of the reader, of which we know how much there is.
  [[nodiscard]] std::string check(const View& view, bool is_copy) {
    sum_ += touch(view.bytes);
    if (!ring_.units.holds(view.bytes) && !arena_.holds(view.bytes)) {
      return view.bytes.size() <= max_message ? "" : "a message larger than this reader takes";
    }
    const auto* const end = &ring_.units.template at<std::byte>() + block_bytes * (ring_.producer_end() - first_);
    if (only_headers_lie_ && view.bytes.data() + view.bytes.size() > end) {
      return "a message that is longer than what was published";
    }
    return is_copy ? "a copy that is none" : "";
  }

  Ring ring_;
  std::uint64_t first_;
  bool is_structured_ = false;
  bool only_headers_lie_ = false;
  Guarded arena_{arena_bytes};
  LoanArena<> loans_{arena_.bytes()};
  LoanViews views_;
  ReaderOptions options_{.max_message = max_message, .arenas = &views_};
  std::uint64_t sum_ = 0;
};

template <class Ring, class Blocks>
class ReliableFrames final : public FrameVictim<Ring> {
public:
  ReliableFrames(Content content, std::uint64_t first)
      : FrameVictim<Ring>(first), blocks_(Blocks::join(this->ring_.memory(), 0, {}, spins)),
        frames_(*blocks_, this->options_) {
    this->fill(content);
  }
  std::string read() override {
    std::string wrong;
    const auto before = frames_.position();
    const auto result = frames_.poll([&](const View& view) {
      if (wrong.empty()) {
        wrong = this->check(view, false);
      }
    });
    if (wrong.empty() && (result.messages > slots || frames_.position() - before > slots)) {
      wrong = "more than a ring holds";
    }
    return wrong;
  }

private:
  std::optional<Blocks> blocks_;
  FrameReader<Blocks> frames_;
};

class LossyFrames final : public FrameVictim<OneProducer<FrameBlock>> {
public:
  using Blocks = ring::LossyReader<FrameBlock>;
  LossyFrames(Content content, std::uint64_t first)
      : FrameVictim(first), blocks_(Blocks::join(ring_.memory(), 1, {}, spins)), frames_(*blocks_, options_) {
    fill(content);
  }
  std::string read() override {
    std::string wrong;
    auto result = ReadResult::message;
    for (std::uint64_t i = 0; i < slots && result != ReadResult::empty && wrong.empty(); ++i) {
      View view;
      result = frames_.read(view);
      wrong = result == ReadResult::message ? check(view, true) : "";
    }
    return wrong;
  }

private:
  std::optional<Blocks> blocks_;
  LossyFrameReader<Blocks> frames_;
};

// Rings of slots: what is read may be anything, but from a slot, and no more of it than a ring holds.
class RingVictim : public Victim {
public:
  explicit RingVictim(std::uint64_t first) : ring_(first) {
    reader_ = ring::Reader<Message>::join(ring_.memory(), 0, {}, spins);
    lossy_ = ring::LossyReader<Message>::join(ring_.memory(), 1, {}, spins);
    for (std::uint64_t i = 0; i < 5; ++i) {
      (void)ring_.producer->try_push(Message::of(i));
    }
  }
  std::vector<Field> fields() override {
    std::vector<Field> fields;
    ring_.add_fields(fields);
    for (std::size_t i = 0; i < slots; ++i) {
      fields.emplace_back(ring_.units.at<Message>(i * sizeof(Message)).words[0]);
    }
    return fields;
  }
  std::string read() override {
    std::array<Message, slots> copies;
    const auto copied = lossy_->read(copies);
    if (copied.result == ring::ReadResult::ok && copied.count > slots) {
      return "a lossy reader copies more than it was given room for";
    }
    std::uint64_t polled = 0;
    const auto result = reader_->poll([&](const Message& message) {
      ++polled;
      sum_ += message.words[0];
    });
    return polled > slots || result.count > slots ? "a reader gets more than a ring holds" : "";
  }

private:
  OneProducer<Message> ring_;
  std::optional<ring::Reader<Message>> reader_;
  std::optional<ring::LossyReader<Message>> lossy_;
  std::uint64_t sum_ = 0;
};

template <class V, class... Arguments>
Attack attack_on(std::string name, const Arguments&... arguments) {
  return {.name = std::move(name), .make = [arguments...] { return std::make_unique<V>(arguments...); }};
}

} // namespace

int main(int argc, char** argv) {
  using Reliable = ReliableFrames<OneProducer<FrameBlock>, ring::Reader<FrameBlock>>;
  using Shared = ReliableFrames<ManyProducers<FrameBlock>, ring::SharedReader<FrameBlock>>;
  std::vector<Attack> attacks;
  for (const auto& [content, what] :
       {std::pair{Content::small, "small"}, std::pair{Content::wrapping, "wrapping"},
        std::pair{Content::fragments, "in fragments"}, std::pair{Content::lent, "lent"}}) {
    const auto first = content == Content::wrapping ? (std::uint64_t{1} << 32) - 3 : 16;
    attacks.push_back(attack_on<Reliable>(fmt::format("reliable reader, {} messages", what), content, first));
    attacks.push_back(attack_on<LossyFrames>(fmt::format("lossy reader, {} messages", what), content, first));
    if (content != Content::lent) {
      attacks.push_back(attack_on<Shared>(fmt::format("reader of many producers, {} messages", what), content, first));
    }
  }
  attacks.push_back(attack_on<Reliable>("reliable reader, headers alone lie", Content::exact, std::uint64_t{16}));
  attacks.push_back(attack_on<RingVictim>("readers of a ring of slots", std::uint64_t{16}));
  return flip_main(argc, argv, "flip_frame", attacks);
}
