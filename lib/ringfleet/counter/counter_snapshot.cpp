#include "ringfleet/counter/counter_snapshot.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/counter/detail/boot_id.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>

#include <fmt/format.h>

namespace ringfleet::counter {
namespace {

constexpr int text_attempts_max = 8;

struct Image {
  CounterFileHeader header;
  CounterItem items[limits::counters_max];
};
static_assert(sizeof(Image) == file_bytes);

[[noreturn]] void refuse(const std::string& path, std::string_view reason) {
  throw Error(ErrorCode::bad_segment, fmt::format("counter file '{}': {}", path, reason),
              "remove it when its fleet does not run");
}

void copy_file(const os::Descriptor& file, Image& image, const std::string& path) {
  const std::uint64_t size = os::file_facts(file.get(), path).size_bytes;
  if (size != file_bytes) {
    refuse(path, fmt::format("{} bytes instead of {}: truncated, or not a counter file", size, file_bytes));
  }
  try {
    os::read_at(file.get(), std::as_writable_bytes(std::span(&image, 1)), 0, path);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::invalid_argument) {
      refuse(path, "truncated while it was read");
    }
    throw;
  }
}

template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  return std::string(field, strnlen(field, N));
}

void validate(const CounterFileHeader& header, const std::string& path) {
  if (header.magic != file_magic) {
    refuse(path, "not a counter file");
  }
  if (header.layout != layout_version) {
    refuse(path, fmt::format("layout version {}; this program reads version {}", header.layout, layout_version));
  }
  if (header.items_max != limits::counters_max) {
    refuse(path, "damaged: nonsense as number of items");
  }
}

OwnerState state_of(const CounterFileHeader& header, const os::ProcessIdentity& owner) {
  unsigned char boot[16];
  detail::boot_id(boot);
  if (std::memcmp(boot, header.boot_id, sizeof(boot)) != 0) {
    return OwnerState::dead;
  }
  if (owner.pid == 0) {
    return OwnerState::starting;
  }
  if (owner.pid < 0 || os::liveness_of(owner) != os::Liveness::alive) {
    return OwnerState::dead;
  }
  return os::is_stopped(owner.pid) ? OwnerState::stopped : OwnerState::alive;
}

void add_item(std::vector<SnapshotItem>& items, SnapshotItem&& item) {
  const auto same = std::find_if(items.begin(), items.end(), [&](const SnapshotItem& known) {
    return known.label == item.label && known.kind == item.kind;
  });
  if (same == items.end()) {
    items.push_back(std::move(item));
  } else if (item.kind == Kind::text) {
    same->text = std::move(item.text);
  } else {
    same->value += item.value;
  }
}

// The file in three copies, one after the other: `before` tells which items exist and which copy of a text is shown,
// `now` gives labels, values and texts, `after` tells whether a text was replaced meanwhile. A copied word is whole:
// the kernel moves aligned words, and both sides are aligned.
// SYNC counter.item: acquire (a system call lies between the copies); pairs with release in CounterWriter::allocate.
// SYNC counter.text: acquire (likewise); pairs with release in Text::set.
// SYNC counter.owner: acquire (likewise); pairs with release in CounterWriter::CounterWriter.
struct Copies {
  Image before;
  Image now;
  Image after;

  void take(const os::Descriptor& file, const std::string& path) {
    copy_file(file, before, path);
    copy_file(file, now, path);
    copy_file(file, after, path);
  }

  // False: it was replaced while it was copied.
  [[nodiscard]] bool text_of_item(std::size_t index, std::string& text) const {
    const std::uint32_t writes = before.items[index].writes;
    if (after.items[index].writes != writes) {
      return false;
    }
    char bytes[text_bytes];
    std::memcpy(bytes, now.items[index].text[writes % 2], sizeof(bytes));
    text.assign(bytes, strnlen(bytes, sizeof(bytes)));
    return true;
  }
};

} // namespace

std::string_view to_string(OwnerState state) noexcept {
  switch (state) {
  case OwnerState::starting: return "starting";
  case OwnerState::alive: return "alive";
  case OwnerState::stopped: return "stopped";
  case OwnerState::dead: return "dead";
  }
  return "unknown";
}

CounterSnapshot CounterSnapshot::read(const std::string& path) {
  const os::Descriptor file = os::open_regular_file(path, "counter file");
  const auto copies = std::make_unique<Copies>();
  copies->take(file, path);
  validate(copies->before.header, path);

  const CounterFileHeader& header = copies->now.header;
  CounterSnapshot snapshot;
  snapshot.fleet = text_of(header.fleet);
  snapshot.role = text_of(header.role);
  snapshot.name = text_of(header.name);
  snapshot.serial = header.serial;
  snapshot.owner = {.pid = static_cast<std::int32_t>(copies->before.header.pid),
                    .start_time_ticks = header.start_time_ticks};
  snapshot.state = state_of(header, snapshot.owner);

  for (std::size_t i = 0; i < limits::counters_max; ++i) {
    const std::uint32_t kind = copies->before.items[i].kind;
    if (kind == static_cast<std::uint32_t>(Kind::none)) {
      break;
    }
    if (kind > static_cast<std::uint32_t>(Kind::text)) {
      refuse(path, fmt::format("damaged: item {} is of no known kind", i));
    }
    SnapshotItem item;
    item.label = text_of(copies->now.items[i].label);
    item.kind = static_cast<Kind>(kind);
    if (item.label.empty()) {
      refuse(path, fmt::format("damaged: item {} has no label", i));
    }
    if (item.kind == Kind::text) {
      for (int attempt = 1; !copies->text_of_item(i, item.text) && attempt < text_attempts_max; ++attempt) {
        copies->take(file, path);
      }
    } else {
      item.value = copies->now.items[i].value;
    }
    add_item(snapshot.items, std::move(item));
  }
  return snapshot;
}

std::uint64_t CounterSnapshot::value(std::string_view label) const noexcept {
  for (const SnapshotItem& item : items) {
    if (item.label == label && item.kind != Kind::text) {
      return item.value;
    }
  }
  return 0;
}

std::string_view CounterSnapshot::text(std::string_view label) const noexcept {
  for (const SnapshotItem& item : items) {
    if (item.label == label && item.kind == Kind::text) {
      return item.text;
    }
  }
  return {};
}

std::vector<std::string> list_counter_files(std::string_view fleet_directory) {
  std::vector<std::string> paths;
  std::error_code gone;
  for (std::filesystem::directory_iterator entry(counter_directory(fleet_directory), gone), end; !gone && entry != end;
       entry.increment(gone)) {
    const std::string path = entry->path().string();
    if (!path.ends_with(".new")) {
      paths.push_back(path);
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

} // namespace ringfleet::counter
