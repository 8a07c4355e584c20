#include "ringfleet/counter/counter_snapshot.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/counter/detail/counter_copies.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/directory.hpp"
#include "ringfleet/os/file.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include <fmt/format.h>

namespace ringfleet::counter {
namespace {

constexpr int text_attempts_max = 8;

constexpr memory::Expectation expected = {
    .kind = memory::SegmentKind::counters, .body_bytes_min = body_bytes_for(1), .fingerprint = fingerprint};

[[noreturn]] void refuse(const std::string& path, std::string_view reason) {
  throw Error(ErrorCode::bad_segment, fmt::format("counter file '{}': {}", path, reason),
              "remove it when its fleet does not run");
}

// Fills the front of `body` that a file of `counters` items has.
void copy_body(const os::Descriptor& file, std::uint32_t counters, CounterBody& body, const std::string& path) {
  try {
    os::read_at(file.get(), std::as_writable_bytes(std::span(&body, 1)).first(body_bytes_for(counters)),
                memory::segment_body_offset, path);
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

OwnerState state_of(const os::ProcessIdentity& owner, std::uint64_t pid_namespace,
                    const memory::SegmentHeader& header) {
  const os::ProcessIdentity creator = {.pid = static_cast<std::int32_t>(header.creator_pid),
                                       .start_time_ticks = header.creator_start_ticks};
  // Nobody will attach to a file whose creator died before it could hand it over.
  const os::ProcessIdentity& judged = owner.pid == 0 ? creator : owner;
  try {
    if (pid_namespace != os::own_pid_namespace()) {
      return OwnerState::unknown;
    }
    if (judged.pid <= 0 || os::liveness_of(judged) != os::Liveness::alive) {
      return OwnerState::dead;
    }
    if (owner.pid == 0) {
      return OwnerState::starting;
    }
    return os::is_stopped(owner.pid) ? OwnerState::stopped : OwnerState::alive;
  } catch (const Error&) {
    return owner.pid == 0 ? OwnerState::starting : OwnerState::alive; // there is no proof that it is dead
  }
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

} // namespace

std::string_view to_string(OwnerState state) noexcept {
  switch (state) {
  case OwnerState::starting: return "starting";
  case OwnerState::alive: return "alive";
  case OwnerState::stopped: return "stopped";
  case OwnerState::dead: return "dead";
  case OwnerState::unknown: break;
  }
  return "unknown";
}

CounterSnapshot CounterSnapshot::read(const std::string& path) {
  const os::Descriptor file = os::open_regular_file(path, "counter file");
  const memory::SegmentHeader header = memory::check_file_segment(file, expected, path);
  const auto copies = std::make_unique<CounterCopies>();
  const std::uint32_t counters = counters_in(header.body_bytes);
  const auto copy = [&](CounterBody& body) { copy_body(file, counters, body, path); };
  copies->take(copy);

  CounterSnapshot snapshot;
  const OwnerFields& owner = copies->now.owner;
  if (copies->before.owner.named != 0) {
    snapshot.fleet = text_of(owner.fleet);
    snapshot.role = text_of(owner.role);
    snapshot.name = text_of(owner.name);
    snapshot.serial = owner.serial;
  }
  snapshot.owner = {.pid = static_cast<std::int32_t>(copies->before.owner.pid),
                    .start_time_ticks = owner.start_time_ticks};
  snapshot.pid_namespace = snapshot.owner.pid == 0 ? owner.creator_pid_namespace : owner.pid_namespace;
  snapshot.state = state_of(snapshot.owner, snapshot.pid_namespace, header);

  for (std::size_t i = 0; i < counters; ++i) {
    const std::uint32_t kind = copies->kind_of(i);
    if (kind == static_cast<std::uint32_t>(Kind::none)) {
      break;
    }
    if (kind > static_cast<std::uint32_t>(Kind::text)) {
      refuse(path, fmt::format("damaged: item {} is of no known kind", i));
    }
    SnapshotItem item;
    item.label = copies->label_of(i);
    item.kind = static_cast<Kind>(kind);
    if (item.label.empty()) {
      refuse(path, fmt::format("damaged: item {} has no label", i));
    }
    if (item.kind == Kind::text) {
      for (int attempt = 1; !copies->text_of_item(i, item.text) && attempt < text_attempts_max; ++attempt) {
        copies->take(copy);
      }
    } else {
      item.value = copies->value_of(i);
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
  const std::string directory = counter_directory(fleet_directory);
  std::vector<std::string> paths;
  try {
    paths = os::list_directory(directory);
  } catch (const Error&) {
    return {}; // gone, or nothing that this user may read
  }
  std::erase_if(paths, [](const std::string& name) { return name.ends_with(".new"); });
  for (auto& path : paths) {
    path = fmt::format("{}/{}", directory, path);
  }
  return paths;
}

} // namespace ringfleet::counter
