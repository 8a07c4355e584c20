// Segments of every kind and whole channels (ring, members, arena), any byte of them changed, cut or extended, sealed
// or not: refused by name, or what is handed out lies inside and a reader gets along with it.

#include "repaired.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using frame::FrameBlock;

namespace {

constexpr std::uint64_t fingerprint = 77;

enum What : std::uint8_t { one_segment, one_segment_as_writer, channel, shared_channel, of_any_kind, whats };

// The files of a channel as its producer made them.
std::vector<Bytes> files_of_channel(ring::Producers producers) {
  const auto space = ring::RingSpace::create({.place = memory::Place::anonymous("fuzz"),
                                              .unit_bytes = sizeof(FrameBlock),
                                              .capacity = 8,
                                              .members = 3,
                                              .fingerprint = fingerprint,
                                              .producers = producers,
                                              .arena_bytes = page_bytes});
  std::vector<Bytes> files;
  for (const auto& descriptor : space.descriptors()) {
    Bytes bytes(os::file_facts(descriptor.get(), "fuzz").size_bytes);
    os::read_at(descriptor.get(), std::as_writable_bytes(std::span(bytes)), 0, "fuzz");
    files.push_back(std::move(bytes));
  }
  return files;
}

os::Descriptor file_of(const Bytes& bytes, std::uint8_t flags, bool single_writer) {
  auto file = os::create_memory_file("fuzz", bytes.size());
  os::write_at(file.get(), std::as_bytes(std::span(bytes)), 0, "fuzz");
  if ((flags & no_seals) == 0) {
    single_writer ? os::seal_single_writer(file.get(), "fuzz") : os::seal_many_writers(file.get(), "fuzz");
  }
  return file;
}

template <class Attach>
void check_refusal(Attach&& attach) {
  try {
    attach();
  } catch (const Error& error) {
    const bool is_named = error.code() == ErrorCode::bad_segment || error.code() == ErrorCode::version_mismatch ||
                          error.code() == ErrorCode::wrong_state || error.code() == ErrorCode::invalid_argument;
    require(is_named, "an attach refuses by name");
    require(std::string_view(error.what()).find("fuzz") != std::string_view::npos, "a refusal names the segment");
  }
}

memory::SegmentKind kind_of(std::uint8_t number) {
  return static_cast<memory::SegmentKind>(1 + number % static_cast<std::uint8_t>(memory::SegmentKind::members));
}
// A segment of a kind, as its maker left it, and what its receiver wants: the same, unless the input says otherwise.
std::pair<Bytes, memory::Expectation> segment_of_any_kind(Input& input) {
  const auto kind = input.take<std::uint8_t>();
  const auto other = input.take<std::uint8_t>();
  const auto file = memory::create_anonymous_segment(
      "fuzz", {.kind = kind_of(kind), .body_bytes = page_bytes, .generation = 5, .fingerprint = fingerprint});
  Bytes bytes(os::file_facts(file.get(), "fuzz").size_bytes);
  os::read_at(file.get(), std::as_writable_bytes(std::span(bytes)), 0, "fuzz");
  return {std::move(bytes),
          {.kind = kind_of(static_cast<std::uint8_t>(kind + other % 4)),
           .body_bytes_min = page_bytes + other / 16 % 2,
           .fingerprint = fingerprint + other / 32 % 2,
           .generation = 5 + other / 64 % 2}};
}

void attach_one(const Bytes& bytes, const memory::Expectation& expected, std::uint8_t flags, bool as_writer) {
  check_refusal([&] {
    auto file = file_of(bytes, flags, !as_writer);
    const auto segment = as_writer ? memory::Segment::attach_writer(std::move(file), expected, "fuzz")
                                   : memory::Segment::attach_reader(std::move(file), expected, "fuzz");
    require(segment.body().size() == segment.header().body_bytes, "a body is as long as its header says");
    require(segment.body().size() + memory::segment_body_offset == bytes.size(), "a body is all that is there");
    require(std::memcmp(&segment.header(), bytes.data(), sizeof(memory::SegmentHeader)) == 0,
            "the header that was checked");
    touch(segment.body());
  });
}

template <class Reader, class Memory>
void read_frames(const Memory& memory, const frame::LoanViews& arenas) {
  constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin};
  for (const auto from : {ring::JoinFrom::oldest, ring::JoinFrom::latest}) {
    if (auto blocks = Reader::join(memory, 0, {.from = from}, spins)) {
      frame::FrameReader<Reader> reader(*blocks, {.max_message = 500, .arenas = &arenas});
      (void)reader.poll([](const frame::View& view) { touch(view.bytes); });
    }
  }
}

void attach_channel(const std::vector<Bytes>& files, std::uint8_t flags, bool many) {
  check_refusal([&] {
    std::vector<os::Descriptor> descriptors;
    for (std::size_t i = 0; i < files.size(); ++i) {
      descriptors.push_back(file_of(files[i], i == 1 && !many ? std::uint8_t{0} : flags, i != 1 && !many));
    }
    const auto space = ring::RingSpace::attach(std::move(descriptors),
                                               {.unit_bytes = sizeof(FrameBlock),
                                                .fingerprint = fingerprint,
                                                .producers = many ? ring::Producers::many : ring::Producers::one},
                                               "fuzz");
    const auto& facts = space.facts();
    require(facts.members >= 1 && facts.members <= limits::ring_members_max, "members within the limit");
    require(space.units().size() == facts.capacity * facts.unit_bytes, "as many units as the facts say");
    require(space.members().lines.size() == facts.members, "as many members as the facts say");
    require(space.arena().size() == facts.arena_bytes, "an arena as the facts say");
    touch(space.units());
    for (std::uint32_t number = 1; number <= facts.arenas; ++number) {
      touch(space.arena(number));
    }
    touch(std::as_bytes(space.members().readers));
    touch(std::as_bytes(space.lines().evicted));
    (void)space.owner();
    if (facts.capacity < frame::frame_capacity_min) {
      return;
    }
    frame::LoanViews arenas;
    (void)arenas.open(1, space.arena());
    if (many) {
      read_frames<ring::SharedReader<FrameBlock>>(space.shared_memory<FrameBlock>(), arenas);
    } else {
      read_frames<ring::Reader<FrameBlock>>(space.memory<FrameBlock>(), arenas);
    }
  });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto honest = files_of_channel(ring::Producers::one);
  static const auto honest_shared = files_of_channel(ring::Producers::many);
  Input input(data, size);
  const auto what = static_cast<What>(input.take<std::uint8_t>() % whats);
  const auto flags = input.take<std::uint8_t>();
  auto files = what == shared_channel ? honest_shared : honest;
  memory::Expectation expected{.kind = memory::SegmentKind::ring, .body_bytes_min = 1, .fingerprint = fingerprint};
  if (what == of_any_kind) {
    files.resize(1);
    std::tie(files[0], expected) = segment_of_any_kind(input);
  }
  if ((flags & resize) != 0) {
    auto& file = files[input.take<std::uint8_t>() % files.size()];
    file.resize(std::max<std::size_t>(1, input.take<std::uint16_t>() % (4 * page_bytes)));
  }
  while (!input.empty()) {
    auto& file = files[input.take<std::uint8_t>() % files.size()];
    scribble_at_a_beginning(file, input);
  }
  for (auto& file : files) {
    repair(file, flags, &file == files.data() && what != of_any_kind);
  }
  switch (what) {
  case one_segment: attach_one(files[0], expected, flags, false); break;
  case one_segment_as_writer: attach_one(files[0], expected, flags | no_seals, true); break;
  case of_any_kind: attach_one(files[0], expected, flags, false); break;
  default: attach_channel(files, flags, what == shared_channel); break;
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  std::vector<Bytes> all;
  for (const auto what : {one_segment, one_segment_as_writer, channel, shared_channel}) {
    all.push_back(InputMaker().add(what).add(std::uint8_t{0}).make());
    // The capacity, the size of a unit, the number of members; cursors behind the head.
    for (const int at : {0, 8, 12, 32}) {
      all.push_back(InputMaker()
                        .add(what)
                        .add(std::uint8_t(repair_header | repair_shape))
                        .add(std::uint8_t{0})
                        .add(std::uint8_t{1})
                        .add(std::uint8_t{1})
                        .add(static_cast<std::uint16_t>(at))
                        .add(std::uint16_t{2})
                        .make());
    }
    all.push_back(InputMaker()
                      .add(what)
                      .add(std::uint8_t(repair_header | adapt_size | resize))
                      .add(std::uint8_t{0})
                      .add(std::uint16_t{2 * page_bytes})
                      .add(std::uint8_t{0})
                      .add(std::uint8_t{2})
                      .add(std::uint8_t{3})
                      .add(std::uint16_t{0})
                      .add(std::uint64_t{5})
                      .make());
  }
  for (std::uint8_t kind = 0; kind < 8; ++kind) {
    // As it was made; of another kind, too short, of another schema, of another generation; and of another layout.
    for (const int other : {0, 1, 16, 32, 64}) {
      all.push_back(
          InputMaker().add(of_any_kind).add(std::uint8_t{0}).add(kind).add(static_cast<std::uint8_t>(other)).make());
    }
    all.push_back(InputMaker()
                      .add(of_any_kind)
                      .add(std::uint8_t(repair_header))
                      .add(kind)
                      .add(std::uint8_t{0})
                      .add(std::uint8_t{0})
                      .add(std::uint8_t{0})
                      .add(std::uint8_t{2})
                      .add(std::uint16_t{8})
                      .add(std::uint32_t{9})
                      .make());
  }
  return all;
}
