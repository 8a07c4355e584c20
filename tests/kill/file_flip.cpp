// Files that are attached and read while a hostile owner changes them: the header of a segment, a counter file. What is
// read is one that could be, or it is refused by name. faults 21, 27, 36.

#include "flip.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/mapping.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

// Removed with all that is in it.
class Directory {
public:
  Directory() : path_((std::filesystem::temp_directory_path() / "ringfleet-flip-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw Error(ErrorCode::no_permission, "make a directory for files that are attacked");
    }
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

// The hostile owner's mapping of a whole file.
os::Mapping mapped(const std::string& path, std::size_t bytes) {
  const os::Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  return os::Mapping(file.get(), bytes, os::Access::read_write, path);
}

class Header final : public Victim {
public:
  Header() : segment_(memory::Segment::create_file(path_, spec)), file_(mapped(path_, file_bytes)) {}

  std::vector<Field> fields() override {
    auto& header = *reinterpret_cast<memory::SegmentHeader*>(file_.writable_bytes().data());
    return {header.magic,       header.layout_version, header.kind,         header.body_bytes,
            header.generation,  header.creator_pid,    header.header_bytes, header.creator_start_ticks,
            header.fingerprint, header.checksum};
  }
  std::string read() override {
    return refused_or([&]() -> std::string {
      const auto segment = memory::Segment::attach_file_reader(
          path_, {.kind = spec.kind, .body_bytes_min = spec.body_bytes, .fingerprint = spec.fingerprint});
      sum_ += touch(segment.body());
      const bool is_honest = segment.body().size() == spec.body_bytes && segment.header().kind == kind_number &&
                             segment.header().fingerprint == spec.fingerprint;
      return is_honest ? "" : "a header that was not checked";
    });
  }

private:
  static constexpr memory::SegmentSpec spec{
      .kind = memory::SegmentKind::arena, .body_bytes = page_bytes, .generation = 3, .fingerprint = 77};
  static constexpr auto kind_number = static_cast<std::uint32_t>(memory::SegmentKind::arena);
  static constexpr std::size_t file_bytes = memory::segment_body_offset + spec.body_bytes;

  Directory directory_;
  std::string path_ = directory_.path() + "/segment";
  memory::Segment segment_;
  os::Mapping file_;
  std::uint64_t sum_ = 0;
};

class Counters final : public Victim {
public:
  Counters()
      : writer_(path_, {.fleet = "demo", .role = "runner", .name = "echo", .serial = 1}), file_(mapped(path_, bytes)) {
    writer_.counter("calls").add(5);
    writer_.gauge("queued").set(2);
    writer_.text("state").set("ready");
  }
  std::vector<Field> fields() override {
    auto& body = *reinterpret_cast<counter::CounterBody*>(file_.writable_bytes().data() + memory::segment_body_offset);
    std::vector<Field> fields{body.owner.pid, body.owner.named, body.owner.start_time_ticks, body.owner.serial};
    for (std::size_t i = 0; i < 4; ++i) {
      auto& item = body.items[i];
      fields.insert(fields.end(), {item.kind, item.writes, item.value, item.text[0][0], item.text[1][0]});
      for (std::size_t word = 0; word < sizeof(item.label); word += 8) {
        fields.emplace_back(*reinterpret_cast<std::uint64_t*>(item.label + word));
      }
    }
    return fields;
  }
  std::string read() override {
    return refused_or([&]() -> std::string {
      const auto snapshot = counter::CounterSnapshot::read(path_);
      for (const auto& item : snapshot.items) {
        if (item.label.empty() || item.label.size() > limits::counter_label_bytes ||
            item.text.size() > counter::text_bytes || item.kind > counter::Kind::text) {
          return "an item that cannot be";
        }
      }
      return snapshot.items.size() <= limits::counters_max ? "" : "more items than a file holds";
    });
  }

private:
  static constexpr std::size_t bytes = memory::segment_body_offset + sizeof(counter::CounterBody);

  Directory directory_;
  std::string path_ = counter::counter_path(directory_.path(), "runner", 1);
  counter::CounterWriter writer_;
  os::Mapping file_;
};

} // namespace

int main(int argc, char** argv) {
  const auto attack_on = [](const char* name, auto make) {
    return Attack{.name = name, .make = make, .instructions_each = 20'000, .reads_beside = 2'000};
  };
  return flip_main(argc, argv, "flip_file",
                   {attack_on("the header of a segment", [] { return std::make_unique<Header>(); }),
                    attack_on("a counter file", [] { return std::make_unique<Counters>(); })},
                   60'000);
}
