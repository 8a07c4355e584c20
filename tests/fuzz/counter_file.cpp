// Any bytes as a counter file, as ringfleet-stat reads it: a snapshot within the layout's bounds, or an error that
// names the file.

#include "../os/scratch_directory.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/memory/segment_layout.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <string>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

enum Flag : std::uint8_t { repair_header = 1, resize = 2 };

// A file with a counter, a gauge and a text, made by a writer. Its bytes.
Bytes honest_file() {
  const ringfleet::test::ScratchDirectory directory;
  const auto path = directory.path() + "/counters";
  {
    counter::CounterWriter writer(path, {"demo", "runner", "zstd", 7});
    writer.counter("calls").add(5);
    writer.gauge("busy").set(1);
    writer.text("state").set("ready");
    writer.text("state").set("draining");
  }
  const auto bytes = os::read_file(path, 1 << 20, "counter file");
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {data, data + bytes.size()};
}

void repair(Bytes& file) {
  std::uint64_t sum = 0xcbf2'9ce4'8422'2325;
  for (std::size_t i = 0; i < offsetof(memory::SegmentHeader, checksum); ++i) {
    sum = (sum ^ file[i]) * 0x100'0000'01b3;
  }
  std::memcpy(file.data() + offsetof(memory::SegmentHeader, checksum), &sum, sizeof sum);
}

void check(const counter::CounterSnapshot& snapshot) {
  require(snapshot.items.size() <= limits::counters_max, "no more counters than a file has");
  require(snapshot.fleet.size() <= 64 && snapshot.role.size() <= 16 && snapshot.name.size() <= 64,
          "names fit their fields");
  for (const auto& item : snapshot.items) {
    require(!item.label.empty() && item.label.size() <= limits::counter_label_bytes, "an item has a label");
    require(item.kind > counter::Kind::none && item.kind <= counter::Kind::text, "an item has a kind");
    require(item.text.size() <= counter::text_bytes, "a text fits its field");
    require(item.kind == counter::Kind::text || snapshot.value(item.label) == item.value,
            "a value is found by its label");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto honest = honest_file();
  Input input(data, size);
  const auto flags = input.take<std::uint8_t>();
  auto bytes = honest;
  if ((flags & resize) != 0) {
    bytes.resize(input.take<std::uint16_t>());
  }
  while (!input.empty() && !bytes.empty()) {
    const auto begin = (input.take<std::uint8_t>() & 1) != 0 && bytes.size() > memory::segment_body_offset
                           ? memory::segment_body_offset
                           : 0;
    scribble(std::as_writable_bytes(std::span(bytes)).subspan(begin), input);
  }
  if ((flags & repair_header) != 0 && bytes.size() >= sizeof(memory::SegmentHeader)) {
    repair(bytes);
  }
  const auto file = os::create_memory_file("fuzz", std::max<std::size_t>(bytes.size(), 1));
  os::write_at(file.get(), std::as_bytes(std::span(bytes)), 0, "fuzz");
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  try {
    check(counter::CounterSnapshot::read(path));
  } catch (const Error& error) {
    require(error.code() == ErrorCode::bad_segment || error.code() == ErrorCode::version_mismatch, "refused by name");
    require(std::string_view(error.what()).find(path) != std::string_view::npos, "a refusal names the file");
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  std::vector<Bytes> all = {InputMaker().add(std::uint8_t{0}).make()};
  // A pid, a name, a kind, a label, a text.
  for (const int at : {0, 4, 40, 256, 260, 272, 640, 644, 704}) {
    all.push_back(InputMaker()
                      .add(std::uint8_t{repair_header})
                      .add(std::uint8_t{1})
                      .add(std::uint8_t{2})
                      .add(static_cast<std::uint16_t>(at))
                      .add(std::uint32_t{3})
                      .make());
  }
  return all;
}
